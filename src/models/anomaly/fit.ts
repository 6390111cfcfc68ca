import { quantile } from '#kernel/stats';
import { DAY_SECONDS } from '#kernel/units';

import { DETECTOR, spansOf } from './config.ts';
import { shapeWrong, tooLittleData } from './errors.ts';
import { ExhaustionWatch } from './exhaustion.ts';
import { fitIsolationForest, scoreIsolationForest } from './isolation-forest.ts';
import type { IsolationForest } from './isolation-forest.ts';
import { RollingMedians } from './rolling-medians.ts';
import { strengthOf } from './strength.ts';
import { badDirection, shiftWeight, ShiftWatch } from './sustained-shift.ts';
import type { ShiftModel } from './sustained-shift.ts';
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
  /** Metrics that are a share of a capacity, 1 = full: a steady rise towards it is a fault of its own. */
  readonly exhaustible?: readonly string[];
  /**
   * Incidents that an operator accepts from ordinary history, for each node and month: raises the threshold until
   * the training span itself stays within. Leave it out where the span may hold many faults.
   */
  readonly incidentsPerNodeMonth?: number;
}

/** Less history than this says nothing about what is ordinary. */
const MIN_TRAINING_SECONDS = 6 * 3600;
const MONTH_SECONDS = 30 * DAY_SECONDS;

/**
 * Learns what is ordinary from quiet history; a few anomalies in it do little harm.
 *
 * With one span the model is that machine's; with many it is a shared one, whose scales are medians over the
 * machines.
 *
 * @throws MlschedError `MLS_MODELS_ANOMALY_DATA` below six hours of samples, `MLS_MODELS_ANOMALY_SHAPE`.
 * @remarks Deterministic. O(samples · metrics), about 10 million metric samples a second.
 */
export function fitAnomalyModel(spans: readonly TrainingSpan[], options: FitOptions): AnomalyModel {
  const metricCount = options.metricNames.length;
  const needed = Math.ceil(MIN_TRAINING_SECONDS / options.stepSeconds);
  for (const { rows } of spans) {
    if (rows.length % metricCount !== 0)
      throw shapeWrong('matrix length', rows.length, `a multiple of ${metricCount}`);
  }
  const usable = spans.filter(({ rows }) => rows.length / metricCount >= needed);
  if (usable.length === 0) {
    const longest = Math.max(0, ...spans.map(({ rows }) => rows.length / metricCount));
    throw tooLittleData('training samples of one machine', longest, needed);
  }
  const learned = usable.map(({ rows }) => learnScales(rows, options));
  const votes: VoteModel = {
    stepSeconds: options.stepSeconds,
    scales: mediansOver(learned.map(({ scales }) => scales)),
    dailyExtremes: mediansOver(learned.map(({ dailyExtremes }) => dailyExtremes)),
    largestDeviations: largestOver(learned),
  };
  const exhaustible = Int32Array.from(options.exhaustible ?? [], (name) => options.metricNames.indexOf(name));
  const shifts: ShiftModel = {
    metricNames: options.metricNames,
    stepSeconds: options.stepSeconds,
    exhaustible,
    shiftScales: mediansOver(learned.map(({ shiftScales }) => shiftScales)),
    shiftLevel: 1,
  };
  const cast = usable.map(({ rows }) => castVotes(votes, shifts, rows));
  const forest = growForest(cast, metricCount, options.seed);
  const scores = cast.map((votes) => scoreIsolationForest(forest, votes.rows));
  const forestFloor = floorOf(forest, scores);
  const strengths = cast.map(({ sums }, i) =>
    sums.map((sum, step) => strengthOf(sum, scores[i]?.[step] as number, forestFloor)),
  );
  return {
    ...votes,
    ...shifts,
    shiftLevel: Math.max(
      1,
      quantile(
        cast.map((part) => part.shiftLevel),
        0.5,
      ),
    ),
    largestRises: learnRises(usable, options.stepSeconds, exhaustible, metricCount),
    forest,
    forestFloor,
    alertStrength: alertStrengthOf(strengths, options),
  };
}

/** Forest score up to which votes are nothing new; a forest that never saw a vote finds every vote new. */
function floorOf(forest: IsolationForest, scores: readonly Float64Array[]): number {
  if (forest.right.every((child) => child === 0)) return DETECTOR.votelessForestFloor;
  return quantile(
    scores.map((part) => quantile(part, DETECTOR.forestQuantile)),
    0.5,
  );
}

interface Scales {
  readonly scales: Float64Array;
  readonly dailyExtremes: Float64Array;
  /** Shape `[metrics]`: the largest deviation of all. */
  readonly largest: Float64Array;
  /** Shape `[metrics]`: an ordinary rise that lasts. */
  readonly shiftScales: Float64Array;
}

function learnScales(rows: Float32Array, { metricNames, stepSeconds }: FitOptions): Scales {
  const metricCount = metricNames.length;
  const steps = rows.length / metricCount;
  const windowSamples = Math.round(DETECTOR.memorySeconds / stepSeconds);
  const scales = new Float64Array(metricCount);
  const dailyExtremes = new Float64Array(metricCount);
  const largest = new Float64Array(metricCount);
  const shiftScales = new Float64Array(metricCount);
  const deviations = new Float64Array(steps);
  for (let metric = 0; metric < metricCount; metric++) {
    const { least, most } = deviationsOf(rows, metricCount, { metric, stepSeconds, out: deviations });
    const range = most >= least ? most - least : 0;
    shiftScales[metric] = shiftScaleOf(deviations, badDirection(metricNames[metric] as string), {
      weight: shiftWeight(stepSeconds),
      floor: DETECTOR.shiftFloorRatio * Math.max(Math.abs(least), Math.abs(most)),
    });
    const magnitudes = deviations.map(Math.abs);
    dailyExtremes[metric] = typicalExtreme(magnitudes, windowSamples);
    const size = quantile(magnitudes, DETECTOR.scaleQuantile) / DETECTOR.scaleSigmas;
    largest[metric] = magnitudes.reduce((most, value) => (value > most ? value : most), 0);
    // A metric that never moved has no range: any visible change of it is large.
    const floor = DETECTOR.scaleFloorRatio * (range > 0 ? range : 1);
    scales[metric] = Math.max(Number.isNaN(size) ? 0 : size, floor);
  }
  return { scales, dailyExtremes, largest, shiftScales };
}

/** Signed deviations of one metric from its rolling median into `out`, NaN where unknown; returns its bounds. */
function deviationsOf(
  rows: Float32Array,
  metricCount: number,
  { metric, stepSeconds, out }: { metric: number; stepSeconds: number; out: Float64Array },
): { least: number; most: number } {
  const { stride, minHistory } = spansOf(stepSeconds);
  const medians = new RollingMedians(1, DETECTOR.baselineSlots, stride);
  let least = Infinity;
  let most = -Infinity;
  for (let step = 0; step < out.length; step++) {
    const value = rows[step * metricCount + metric] as number;
    out[step] = Number.NaN;
    if (Number.isNaN(value)) continue;
    if (medians.count(0) >= minHistory) out[step] = value - medians.median(0);
    medians.push(0, value, step);
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return { least, most };
}

/** A high quantile of the smoothed deviations in the direction that is bad, above 0. */
function shiftScaleOf(
  deviations: Float64Array,
  sign: number,
  { weight, floor }: { readonly weight: number; readonly floor: number },
): number {
  let shift = 0;
  const shifts = deviations.map((deviation) => {
    if (Number.isNaN(deviation)) return Number.NaN;
    shift += weight * (sign * deviation - shift);
    return shift;
  });
  const size = quantile(shifts, DETECTOR.shiftQuantile);
  // A metric that was always 0 has no size: any visible rise of it is large.
  const least = Number.isFinite(floor) && floor > 0 ? floor : DETECTOR.shiftFloorRatio;
  return Math.max(Number.isNaN(size) ? 0 : size, least);
}

/** Median, over whole stretches as long as the memory, of the third largest magnitude; of all when it is shorter. */
function typicalExtreme(magnitudes: Float64Array, windowSamples: number): number {
  const extremes: number[] = [];
  const length = Math.min(windowSamples, magnitudes.length);
  for (let start = 0; start + length <= magnitudes.length; start += length) {
    const stretch = magnitudes
      .slice(start, start + length)
      .filter((value) => !Number.isNaN(value))
      .sort();
    if (stretch.length >= 3) extremes.push(stretch[stretch.length - 3] as number);
  }
  return extremes.length === 0 ? 0 : quantile(extremes, 0.5);
}

/** Steepest steady rise of each exhaustible metric; the median over the machines. */
function learnRises(
  spans: readonly TrainingSpan[],
  stepSeconds: number,
  exhaustible: Int32Array,
  metricCount: number,
): Float64Array {
  const none = {
    stepSeconds,
    exhaustible,
    largestRises: new Float64Array(exhaustible.length).fill(Infinity),
  };
  return mediansOver(
    spans.map(({ rows }) => {
      const watch = new ExhaustionWatch(none, 1);
      const largest = new Float64Array(exhaustible.length);
      for (let step = 0; step * metricCount < rows.length; step++) {
        watch.update(0, rows.subarray(step * metricCount, (step + 1) * metricCount), step);
        for (let i = 0; i < largest.length; i++)
          largest[i] = Math.max(largest[i] as number, watch.rise(0, i));
      }
      return largest;
    }),
  );
}

/** Largest deviation of all machines, at least a scale; not known when there are too few of them. */
function largestOver(learned: readonly Scales[]): Float64Array {
  return Float64Array.from(learned[0]?.scales ?? [], (_, metric) =>
    learned.length < DETECTOR.unheardOfMachines
      ? Number.MAX_VALUE
      : Math.max(
          ...learned.map(({ largest, scales }) =>
            Math.max(largest[metric] as number, scales[metric] as number),
          ),
        ),
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

/** Strength at which an alert opens: the global sensitivity, or a gentler one that a budget holds up. */
function alertStrengthOf(strengths: readonly Float64Array[], options: FitOptions): number {
  const level = restlessness(strengths);
  return options.incidentsPerNodeMonth === undefined
    ? DETECTOR.alertMultiple * level
    : Math.max(DETECTOR.budgetedMultiple * level, budgetStrength(strengths, options));
}

/** How strong a machine's evidence gets in ordinary times; the median over the machines. */
function restlessness(strengths: readonly Float64Array[]): number {
  const levels = strengths.map((part) => quantile(part, DETECTOR.trainStrengthQuantile));
  return Math.max(quantile(levels, 0.5), DETECTOR.trainStrengthLeast);
}

/** Strength that the training spans exceed in no more incidents than the budget allows. */
function budgetStrength(strengths: readonly Float64Array[], options: FitOptions): number {
  const { incidentsPerNodeMonth = 0, stepSeconds } = options;
  const gap = DETECTOR.incidentGapSeconds / stepSeconds;
  const peaks = strengths.flatMap((part) => episodePeaks(part, gap)).sort((a, b) => b - a);
  const steps = strengths.reduce((sum, part) => sum + part.length, 0);
  const allowed = Math.floor((incidentsPerNodeMonth * steps * stepSeconds) / MONTH_SECONDS);
  // Just above the first peak that is too many.
  return (peaks[allowed] ?? 0) * 1.001;
}

/** Largest strength of each episode: stretches of evidence that quiet parts from each other. */
function episodePeaks(strengths: Float64Array, gap: number): number[] {
  const peaks: number[] = [];
  let last = -Infinity;
  for (const [step, strength] of strengths.entries()) {
    if (!(strength > 0)) continue;
    if (step - last > gap) peaks.push(strength);
    else peaks[peaks.length - 1] = Math.max(peaks[peaks.length - 1] as number, strength);
    last = step;
  }
  return peaks;
}

/** The votes that a span casts when it is replayed. */
interface CastVotes {
  /** Row-major, shape `[steps, metrics]`. */
  readonly rows: Float32Array;
  /** Shape `[steps]`; NaN while there is too little history. */
  readonly sums: Float64Array;
  /** Evidence of lasting rises that the span seldom exceeds. */
  readonly shiftLevel: number;
}

function castVotes(model: VoteModel, shifts: ShiftModel, rows: Float32Array): CastVotes {
  const metricCount = model.scales.length;
  const counter = new VoteCounter(model, 1);
  const votes = new Float32Array(rows.length);
  const sums = new Float64Array(rows.length / metricCount);
  const watch = new ShiftWatch(shifts, 1);
  const evidence = new Float64Array(sums.length);
  for (let step = 0; step < sums.length; step++) {
    sums[step] = counter.count(0, rows, step * metricCount);
    votes.set(counter.votes, step * metricCount);
    const sample = rows.subarray(step * metricCount, (step + 1) * metricCount);
    evidence[step] = watch.update(0, sample, counter.deviations, step);
  }
  return { rows: votes, sums, shiftLevel: quantile(evidence, DETECTOR.shiftLevelQuantile) };
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
