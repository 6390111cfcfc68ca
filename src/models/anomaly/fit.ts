import { quantile, quantileOfSorted } from '#kernel/stats';

import { DETECTOR, spansOf } from './config.ts';
import { shapeWrong, tooLittleData } from './errors.ts';
import { fitIsolationForest, scoreIsolationForest } from './isolation-forest.ts';
import type { IsolationForest } from './isolation-forest.ts';
import { RollingMedians } from './rolling-medians.ts';
import { strengthOf } from './strength.ts';
import type { AnomalyModel } from './types.ts';
import { VoteCounter } from './vote-counter.ts';
import type { VoteModel } from './vote-counter.ts';

/** One machine's history to learn from. */
export interface TrainingSpan {
  /** Row-major, shape `[steps, metrics]`, evenly spaced; NaN = unknown. */
  readonly rows: Float32Array;
}

export interface FitOptions {
  readonly metricNames: readonly string[];
  readonly stepSeconds: number;
  readonly seed: number;
}

/** Days of samples that the daily extremes need at least. */
const MIN_TRAINING_DAYS = 1;

/**
 * Learns what is ordinary from quiet history; a few anomalies in it do little harm.
 *
 * With one span the model is that machine's; with many it is a shared one, whose scales are medians over the
 * machines.
 *
 * @throws MlschedError `MLS_MODELS_ANOMALY_DATA` below one day of samples, `MLS_MODELS_ANOMALY_SHAPE`.
 * @remarks Deterministic. O(samples · metrics), about 10 million metric samples a second.
 */
export function fitAnomalyModel(spans: readonly TrainingSpan[], options: FitOptions): AnomalyModel {
  const metricCount = options.metricNames.length;
  const perDay = Math.round(DETECTOR.memorySeconds / options.stepSeconds);
  for (const { rows } of spans) {
    if (rows.length % metricCount !== 0)
      throw shapeWrong('matrix length', rows.length, `a multiple of ${metricCount}`);
  }
  const usable = spans.filter(({ rows }) => rows.length / metricCount >= perDay * MIN_TRAINING_DAYS);
  if (usable.length === 0) {
    const longest = Math.max(0, ...spans.map(({ rows }) => rows.length / metricCount));
    throw tooLittleData('training samples of one machine', longest, perDay * MIN_TRAINING_DAYS);
  }
  const learned = usable.map(({ rows }) => learnScales(rows, metricCount, options.stepSeconds));
  const votes: VoteModel = {
    stepSeconds: options.stepSeconds,
    scales: mediansOver(learned.map(({ scales }) => scales)),
    dailyExtremes: mediansOver(learned.map(({ dailyExtremes }) => dailyExtremes)),
  };
  const cast = usable.map(({ rows }) => castVotes(votes, rows));
  const forest = growForest(cast, metricCount, options.seed);
  const scores = cast.map((votes) => scoreIsolationForest(forest, votes.rows));
  const forestFloor = quantile(
    scores.map((part) => quantile(part, DETECTOR.forestQuantile)),
    0.5,
  );
  const levels = cast.map(({ sums }, i) => {
    const strengths = sums.map((sum, step) => strengthOf(sum, scores[i]?.[step] as number, forestFloor));
    return quantile(strengths, DETECTOR.trainStrengthQuantile);
  });
  const level = Math.max(quantile(levels, 0.5), DETECTOR.trainStrengthLeast);
  return {
    ...votes,
    metricNames: options.metricNames,
    forest,
    forestFloor,
    alertStrength: DETECTOR.alertMultiple * level,
  };
}

interface Scales {
  readonly scales: Float64Array;
  readonly dailyExtremes: Float64Array;
}

function learnScales(rows: Float32Array, metricCount: number, stepSeconds: number): Scales {
  const steps = rows.length / metricCount;
  const perDay = Math.round(DETECTOR.memorySeconds / stepSeconds);
  const scales = new Float64Array(metricCount);
  const dailyExtremes = new Float64Array(metricCount);
  const magnitudes = new Float64Array(steps);
  for (let metric = 0; metric < metricCount; metric++) {
    const range = magnitudesOf(rows, metricCount, { metric, stepSeconds, out: magnitudes });
    dailyExtremes[metric] = typicalDayExtreme(magnitudes, perDay);
    const size = quantile(magnitudes, DETECTOR.scaleQuantile) / DETECTOR.scaleSigmas;
    // A metric that never moved has no range: any visible change of it is large.
    const floor = DETECTOR.scaleFloorRatio * (range > 0 ? range : 1);
    scales[metric] = Math.max(Number.isNaN(size) ? 0 : size, floor);
  }
  return { scales, dailyExtremes };
}

/** Deviations of one metric from its rolling median into `out`, NaN where unknown; returns its range. */
function magnitudesOf(
  rows: Float32Array,
  metricCount: number,
  { metric, stepSeconds, out }: { metric: number; stepSeconds: number; out: Float64Array },
): number {
  const { stride, minHistory } = spansOf(stepSeconds);
  const medians = new RollingMedians(1, DETECTOR.baselineSlots, stride);
  let least = Infinity;
  let largest = -Infinity;
  for (let step = 0; step < out.length; step++) {
    const value = rows[step * metricCount + metric] as number;
    out[step] = Number.NaN;
    if (Number.isNaN(value)) continue;
    if (medians.count(0) >= minHistory) out[step] = Math.abs(value - medians.median(0));
    medians.push(0, value, step);
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  return largest >= least ? largest - least : 0;
}

/** Median over the days of each day's third largest magnitude; 0 when no day has three. */
function typicalDayExtreme(magnitudes: Float64Array, perDay: number): number {
  const extremes: number[] = [];
  for (let start = 0; start + perDay <= magnitudes.length; start += perDay) {
    const day = magnitudes
      .slice(start, start + perDay)
      .filter((value) => !Number.isNaN(value))
      .sort();
    if (day.length >= 3) extremes.push(day[day.length - 3] as number);
  }
  return extremes.length === 0
    ? 0
    : quantileOfSorted(
        extremes.sort((a, b) => a - b),
        0.5,
      );
}

function mediansOver(parts: readonly Float64Array[]): Float64Array {
  return Float64Array.from(parts[0] ?? [], (_, metric) =>
    quantile(
      parts.map((part) => part[metric] as number),
      0.5,
    ),
  );
}

/** The votes that a span casts when it is replayed. */
interface CastVotes {
  /** Row-major, shape `[steps, metrics]`. */
  readonly rows: Float32Array;
  /** Shape `[steps]`; NaN while there is too little history. */
  readonly sums: Float64Array;
}

function castVotes(model: VoteModel, rows: Float32Array): CastVotes {
  const metricCount = model.scales.length;
  const counter = new VoteCounter(model, 1);
  const votes = new Float32Array(rows.length);
  const sums = new Float64Array(rows.length / metricCount);
  for (let step = 0; step < sums.length; step++) {
    sums[step] = counter.count(0, rows, step * metricCount);
    votes.set(counter.votes, step * metricCount);
  }
  return { rows: votes, sums };
}

/** Grows the forest from evenly spaced rows of all spans. */
function growForest(cast: readonly CastVotes[], metricCount: number, seed: number): IsolationForest {
  const total = cast.reduce((sum, { sums }) => sum + sums.length, 0);
  const every = Math.max(1, Math.ceil(total / DETECTOR.forestRows));
  const kept: number[] = [];
  for (const { rows } of cast) {
    for (let start = 0; start < rows.length; start += every * metricCount) {
      for (let metric = 0; metric < metricCount; metric++) kept.push(rows[start + metric] as number);
    }
  }
  return fitIsolationForest(Float32Array.from(kept), metricCount, {
    seed,
    trees: DETECTOR.forestTrees,
    sampleSize: DETECTOR.forestSampleSize,
    featuresPerSplit: DETECTOR.forestFeaturesPerSplit,
  });
}
