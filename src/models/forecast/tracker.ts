import type { HorizonMinutes, LoadTarget } from '#domain';

/**
 * Corrects forecasts by how earlier ones of the same machine turned out, as live use allows: a truth counts only from
 * the moment at which it is known.
 *
 * Median: exponentially weighted average of the model and three simple forecasts (Cesa-Bianchi and Lugosi 2006,
 * chapter 2) with a forgetting factor. The model starts ahead; on a machine where it does worse than the last value
 * the average moves there, so that skill does not fall below 0 for long.
 *
 * Interval: each end follows its quantile (online quantile tracking, the P term of Angelopoulos, Candes and
 * Tibshirani 2023; adaptive conformal inference of Gibbs and Candes 2021): a miss moves the end out by 0.95 steps,
 * a hit in by 0.05.
 */
export interface ForecastTracker {
  /** Corrects one forecast and remembers it until its truth is known. */
  correct(key: TrackedKey, issued: IssuedForecast): TrackedBand;
  /** Takes in the 5-minute mean that ended at `endMs`; NaN is ignored. */
  observe(machine: string, target: LoadTarget, endMs: number, actualRatio: number): void;
  /** Forgets machines that are gone. */
  forget(machine: string): void;
}

export interface TrackedKey {
  readonly machine: string;
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
}

/** Simple forecasts that the median may fall back to, in this order; NaN where unknown. */
export const FALLBACKS = ['last-value', 'hour-mean', 'seasonal-naive'] as const;

export interface IssuedForecast {
  /** On the 5-minute grid; undefined where the truth will not be known as a 5-minute mean: not remembered. */
  readonly originMs: number | undefined;
  readonly low05: number;
  readonly median: number;
  readonly high95: number;
  /** In the order of `FALLBACKS`. */
  readonly fallbacks: readonly [number, number, number];
  /** Unit of the machine's movement, above 0. */
  readonly deviation: number;
}

export interface TrackedBand {
  readonly low05: number;
  readonly median: number;
  readonly high95: number;
}

/** Chosen on the validation spans of all four sets; see the model card. */
const LEARNING_RATE = 0.1;
const FORGETTING = 0.998;
/** Head start of the model over each simple forecast: exp(loss / rate) it may be worse by before they draw level. */
const MODEL_PRIOR = 8;
/** One absurd row must not decide: losses are cut at this many deviations. */
const LARGEST_LOSS = 30;
/** Share of the interval's half width that one miss moves an end by. */
const STEP = 0.05;
const TAIL = 0.05;
const EXPERTS = 1 + FALLBACKS.length;

interface Pending {
  readonly truthMs: number;
  readonly issued: IssuedForecast;
  readonly band: TrackedBand;
}

interface State {
  readonly losses: Float64Array;
  /** Corrections of the ends in deviations; above 0 widens. */
  low: number;
  high: number;
  readonly pending: Pending[];
}

export function createForecastTracker(): ForecastTracker {
  const machines = new Map<string, Map<string, State>>();
  const statesOf = (machine: string): Map<string, State> => {
    let states = machines.get(machine);
    if (states === undefined) machines.set(machine, (states = new Map()));
    return states;
  };
  return {
    correct(key, issued) {
      const states = statesOf(key.machine);
      const name = `${key.target} ${key.horizonMinutes}`;
      let state = states.get(name);
      if (state === undefined) states.set(name, (state = createState()));
      const band = correctBand(state, issued);
      const truthMs = (issued.originMs ?? Number.NaN) + key.horizonMinutes * 60_000;
      const isNew = truthMs > (state.pending.at(-1)?.truthMs ?? Number.NEGATIVE_INFINITY);
      if (isNew && !Number.isNaN(band.median)) state.pending.push({ truthMs, issued, band });
      return band;
    },
    observe(machine, target, endMs, actualRatio) {
      for (const [name, state] of machines.get(machine) ?? []) {
        if (name.startsWith(target)) settle(state, endMs, actualRatio);
      }
    },
    forget: (machine) => void machines.delete(machine),
  };
}

function createState(): State {
  return { losses: new Float64Array(EXPERTS), low: 0, high: 0, pending: [] };
}

function expert(issued: IssuedForecast, index: number): number {
  const value = index === 0 ? issued.median : (issued.fallbacks[index - 1] as number);
  // What is unknown is as good as the last value, so that it neither wins nor loses by being absent.
  return Number.isNaN(value) ? issued.fallbacks[0] : value;
}

function correctBand(state: State, issued: IssuedForecast): TrackedBand {
  const least = Math.min(...state.losses);
  let sum = 0;
  let weights = 0;
  for (let i = 0; i < EXPERTS; i++) {
    const weight =
      (i === 0 ? MODEL_PRIOR : 1) * Math.exp(-LEARNING_RATE * ((state.losses[i] as number) - least));
    sum += weight * expert(issued, i);
    weights += weight;
  }
  const median = clampRatio(sum / weights);
  const low05 = clampRatio(issued.low05 - state.low * issued.deviation);
  const high95 = clampRatio(issued.high95 + state.high * issued.deviation);
  return { low05: Math.min(low05, median), median, high95: Math.max(high95, median) };
}

function settle(state: State, endMs: number, actual: number): void {
  const { pending } = state;
  while (pending.length > 0 && (pending[0] as Pending).truthMs <= endMs) {
    const one = pending.shift() as Pending;
    if (one.truthMs === endMs && !Number.isNaN(actual)) learn(state, one, actual);
  }
}

function learn(state: State, { issued, band }: Pending, actual: number): void {
  const { deviation } = issued;
  for (let i = 0; i < EXPERTS; i++) {
    const loss = Math.min(LARGEST_LOSS, Math.abs(expert(issued, i) - actual) / deviation);
    state.losses[i] = (state.losses[i] as number) * FORGETTING + loss;
  }
  const halfWidth = Math.max(0.25, (issued.high95 - issued.low05) / deviation / 2);
  state.low += STEP * halfWidth * ((actual < band.low05 - 1e-7 ? 1 : 0) - TAIL);
  state.high += STEP * halfWidth * ((actual > band.high95 + 1e-7 ? 1 : 0) - TAIL);
}

/** NaN stays NaN. */
function clampRatio(value: number): number {
  return Math.min(1, Math.max(0, value));
}
