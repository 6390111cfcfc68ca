import { modelUnsupported } from '../errors.ts';

/** How an objective maps margins (sums of leaves) to the space of its labels. */
export interface Link {
  readonly isIdentity: boolean;
  /** A base score of the label space as a margin. */
  toMargin(baseScore: number): number;
  /** Turns margins, shape `[rows, outputCount]`, into values in place. */
  toValues(margins: Float32Array, outputCount: number): void;
}

const f32 = Math.fround;

const identity: Link = { isIdentity: true, toMargin: (score) => score, toValues: () => undefined };

const logistic: Link = {
  isIdentity: false,
  toMargin: (score) => f32(-Math.log(f32(f32(1 / f32(score)) - 1))),
  toValues(margins) {
    for (let i = 0; i < margins.length; i++) {
      // XGBoost limits the exponent so that exp stays finite in float32.
      const exponent = Math.min(-(margins[i] as number), f32(88.7));
      margins[i] = f32(1 / f32(f32(Math.exp(exponent)) + 1));
    }
  },
};

const exponential: Link = {
  isIdentity: false,
  toMargin: (score) => f32(Math.log(f32(score))),
  toValues(margins) {
    for (let i = 0; i < margins.length; i++) margins[i] = f32(Math.exp(margins[i] as number));
  },
};

/** Softmax over the outputs of a row; the base score is a margin already. */
const softmax: Link = {
  isIdentity: false,
  toMargin: (score) => score,
  toValues(margins, outputCount) {
    for (let first = 0; first < margins.length; first += outputCount) {
      const row = margins.subarray(first, first + outputCount);
      const top = Math.max(...row);
      let sum = 0;
      for (let i = 0; i < outputCount; i++) {
        row[i] = f32(Math.exp(f32((row[i] as number) - top)));
        sum += row[i] as number;
      }
      for (let i = 0; i < outputCount; i++) row[i] = f32((row[i] as number) / f32(sum));
    }
  },
};

const LINKS: Readonly<Record<string, Link>> = {
  'reg:squarederror': identity,
  'reg:absoluteerror': identity,
  'reg:quantileerror': identity,
  'reg:pseudohubererror': identity,
  'reg:logistic': logistic,
  'binary:logistic': logistic,
  'count:poisson': exponential,
  'reg:gamma': exponential,
  'reg:tweedie': exponential,
  'multi:softprob': softmax,
};

/** @throws MlschedError `MLS_NATIVE_MODEL_UNSUPPORTED` for an objective that is not in the table. */
export function linkOf(objective: string): Link {
  const link = LINKS[objective];
  if (link === undefined) throw modelUnsupported(`objective ${objective}`);
  return link;
}

/** False also for an objective that is not in the table. */
export function isIdentityLink(objective: string): boolean {
  return LINKS[objective]?.isIdentity ?? false;
}
