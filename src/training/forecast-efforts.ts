import type { FitEffort } from '#models/forecast';

/** How much time a training run may take. */
export type ForecastBudget = 'demo' | 'fold' | 'evaluation' | 'full';

export interface ForecastEffort extends FitEffort {
  /** Training rows a resource, over all machines. */
  readonly rows: number;
}

/** Chosen on the validation span of smd-nodes for accuracy by time; see the model card. */
export const FORECAST_EFFORTS: Readonly<Record<ForecastBudget, ForecastEffort>> = {
  demo: {
    rows: 24_000,
    maximumRounds: 60,
    intervalRounds: 25,
    learningRate: 0.1,
    depth: 6,
    seeds: 1,
    probeRows: 10_000,
  },
  fold: {
    rows: 60_000,
    maximumRounds: 100,
    intervalRounds: 30,
    learningRate: 0.1,
    depth: 7,
    seeds: 1,
    probeRows: 12_000,
  },
  evaluation: {
    rows: 150_000,
    maximumRounds: 120,
    intervalRounds: 60,
    learningRate: 0.1,
    depth: 8,
    seeds: 1,
    probeRows: 30_000,
  },
  full: {
    rows: 250_000,
    maximumRounds: 400,
    intervalRounds: 100,
    learningRate: 0.04,
    depth: 8,
    seeds: 2,
    probeRows: 100_000,
  },
};
