import { quantile, quantileOfSorted } from '#kernel/stats';

import { DETECTOR, spansOf } from './config.ts';
import { shapeWrong, tooLittleData } from './errors.ts';
import { RollingMedians } from './rolling-medians.ts';
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
  const levels = usable.map(({ rows }) => trainVotesLevel(votes, rows));
  return { ...votes, metricNames: options.metricNames, alertVotes: alertVotesAt(quantile(levels, 0.5)) };
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

/** High quantile of the votes that the training span itself casts. */
function trainVotesLevel(model: VoteModel, rows: Float32Array): number {
  const metricCount = model.scales.length;
  const counter = new VoteCounter(model, 1);
  const votes = Float64Array.from({ length: rows.length / metricCount }, (_, step) =>
    counter.count(0, rows, step * metricCount),
  );
  return quantile(votes, DETECTOR.trainVotesQuantile);
}

/** A machine that is restless in training needs more votes, by the square root: it may also have had faults. */
function alertVotesAt(level: number): number {
  const ratio = Math.max(level, DETECTOR.trainVotesLeast) / DETECTOR.trainVotesReference;
  return DETECTOR.alertVotes * Math.sqrt(ratio);
}
