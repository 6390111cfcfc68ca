import type { AnomalyMachine } from '#collect';
import { quantile } from '#kernel/stats';
import {
  fitIsolationForest,
  fitPrincipalComponents,
  fitRobustScale,
  scoreIsolationForest,
  scorePrincipalComponents,
  scoreRobustZ,
} from '#models/anomaly';

/** The published methods that the product's detector has to beat; each is given a machine of its own. */
export const RIVAL_NAMES = ['isolation-forest', 'robust-z', 'pca'] as const;
export type RivalName = (typeof RIVAL_NAMES)[number];

/** Share of the training steps that a rival's threshold leaves unalarmed. */
const RIVAL_QUANTILE = 0.995;

/** Scores of both spans; higher is worse. */
export interface SpanScores {
  readonly train: Float64Array;
  readonly test: Float64Array;
}

/**
 * Fits one rival on a machine's training span and scores both spans.
 *
 * @remarks Isolation Forest with 100 trees of 256 rows, as scikit-learn's defaults; the largest robust z; the
 *   residual of a PCA that keeps 95 % of the variance. Unknown samples take the metric's training median.
 */
export function scoreRival(name: RivalName, machine: AnomalyMachine, seed: number): SpanScores {
  const metricCount = machine.metricNames.length;
  const { centres } = fitRobustScale(machine.train, metricCount);
  const train = fillUnknown(machine.train, centres);
  const test = fillUnknown(machine.test, centres);
  const score = FITTERS[name](train, metricCount, seed);
  return { train: score(train), test: score(test) };
}

type Scorer = (rows: Float32Array) => Float64Array;

const FITTERS: Readonly<
  Record<RivalName, (train: Float32Array, metricCount: number, seed: number) => Scorer>
> = {
  'isolation-forest': (train, metricCount, seed) => {
    const forest = fitIsolationForest(train, metricCount, { seed });
    return (rows) => scoreIsolationForest(forest, rows);
  },
  'robust-z': (train, metricCount) => {
    const scale = fitRobustScale(train, metricCount);
    return (rows) => scoreRobustZ(scale, rows);
  },
  pca: (train, metricCount) => {
    const model = fitPrincipalComponents(train, metricCount);
    return (rows) => scorePrincipalComponents(model, rows);
  },
};

function fillUnknown(rows: Float32Array, centres: Float64Array): Float32Array {
  return rows.map((value, i) => {
    if (!Number.isNaN(value)) return value;
    const centre = centres[i % centres.length] as number;
    return Number.isNaN(centre) ? 0 : centre;
  });
}

/** Alarms at each step above the training quantile, one step at a time as the methods are published. */
export function alarmAbove(scores: SpanScores, trainQuantile = RIVAL_QUANTILE): Uint8Array {
  const threshold = quantile(scores.train, trainQuantile);
  return Uint8Array.from(scores.test, (score) => (score > threshold ? 1 : 0));
}
