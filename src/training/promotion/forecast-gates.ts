import { HORIZON_MINUTES } from '#domain';
import type { ModelArtefact, RawLoadSeries } from '#domain';
import { FEATURE_COUNT } from '#features';
import { createRng } from '#kernel/rng';
import { mean } from '#kernel/stats';
import { loadForecaster } from '#models/forecast';

import { evaluateSeries } from '../evaluate-forecast.ts';
import type { ForecastResult } from '../forecast-score.ts';
import { gate, medianDurationMs, runGates } from './gate.ts';
import type { Gate } from './gate.ts';

/** Error of the candidate / error of the champion, mean over resources and horizons: a hair of noise is allowed. */
const MOST_ERROR_TO_CHAMPION = 1.01;
/** Worst skill over the best naive forecast; one horizon may be a little unlucky on a short window. */
const LEAST_SKILL = -0.02;
const LEAST_MEAN_SKILL = 0;
const COVERAGE_BOUNDS = [0.85, 0.95] as const;
/** XGB-3 of the requirements, for all nodes of a small cluster at once. */
const MOST_TICK_MS = 30;
/** Distinct forecasts of 200 different rows; a constant model has 1. */
const LEAST_DISTINCT_RATIO = 0.5;
const PROBE_ROWS = 200;

/**
 * Measures a forecast model on the newest span of each machine, beside the champion and the naive forecasts on the same
 * rows.
 *
 * @param series - The latest history; its last 15 % is judged, and the candidate must not have been trained on that.
 */
export function forecastGates(
  series: readonly RawLoadSeries[],
  candidate: ModelArtefact,
  champion: ModelArtefact | undefined,
  seed: number,
): Promise<readonly Gate[]> {
  return runGates(async () => {
    const ours = await judge(series, candidate, seed);
    const theirs = champion === undefined ? undefined : await judge(series, champion, seed);
    return [
      ...accuracyGates(ours),
      ...(theirs === undefined ? [] : [championGate(ours, theirs)]),
      ...coverageGates(ours),
      ...probeGates(candidate, seed),
    ];
  });
}

async function judge(
  series: readonly RawLoadSeries[],
  artefact: ModelArtefact,
  seed: number,
): Promise<readonly ForecastResult[]> {
  const { results } = await evaluateSeries(series, { artefact, seed });
  return results.filter(({ model }) => model === 'mlsched');
}

function accuracyGates(results: readonly ForecastResult[]): Gate[] {
  const skills = results.map(({ skillRatio }) => skillRatio);
  return [
    gate(
      'beats-naive',
      mean(skills),
      ['at-least', LEAST_MEAN_SKILL],
      'mean skill over the best naive forecast',
    ),
    gate(
      'nowhere-worse-than-naive',
      Math.min(...skills),
      ['at-least', LEAST_SKILL],
      'skill at the worst resource and horizon',
    ),
  ];
}

function championGate(ours: readonly ForecastResult[], theirs: readonly ForecastResult[]): Gate {
  const ratios = ours.flatMap((result) => {
    const same = theirs.find(
      ({ target, horizonMinutes }) => target === result.target && horizonMinutes === result.horizonMinutes,
    );
    return same === undefined ? [] : [result.maeRatio / same.maeRatio];
  });
  return gate(
    'no-worse-than-champion',
    mean(ratios),
    ['at-most', MOST_ERROR_TO_CHAMPION],
    'error / error of the champion on the same rows',
  );
}

function coverageGates(results: readonly ForecastResult[]): Gate[] {
  const coverage = mean(results.map(({ coverage90Ratio }) => coverage90Ratio ?? Number.NaN));
  const [least, most] = COVERAGE_BOUNDS;
  const meaning = 'share of the truth inside the 90 % interval, mean over resources and horizons';
  return [
    gate('interval-wide-enough', coverage, ['at-least', least], meaning),
    gate('interval-narrow-enough', coverage, ['at-most', most], meaning),
  ];
}

/** What needs no history: speed, and that different nodes get different forecasts. */
function probeGates(artefact: ModelArtefact, seed: number): Gate[] {
  using forecaster = loadForecaster(artefact);
  const rng = createRng(seed).fork('gate-probe');
  const rows = {
    rows: PROBE_ROWS,
    values: Float32Array.from({ length: PROBE_ROWS * FEATURE_COUNT }, () => rng.normal()),
    anchors: new Float32Array(PROBE_ROWS).fill(0.5),
    deviations: new Float32Array(PROBE_ROWS).fill(0.05),
  };
  const medians = HORIZON_MINUTES.map((horizon) => forecaster.predictRows('cpu', horizon, rows)?.median);
  const distinct = Math.min(...medians.map((values) => new Set(values).size / PROBE_ROWS));
  const tickMs = medianDurationMs(7, () => {
    for (const horizon of HORIZON_MINUTES) forecaster.predictRows('cpu', horizon, rows);
  });
  return [
    gate(
      'not-constant',
      distinct,
      ['at-least', LEAST_DISTINCT_RATIO],
      'share of 200 rows with a forecast of its own',
    ),
    gate(
      'fast-enough',
      tickMs,
      ['at-most', MOST_TICK_MS * HORIZON_MINUTES.length],
      'all horizons of 200 nodes, milliseconds',
    ),
  ];
}
