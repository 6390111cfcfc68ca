import type { LoadTarget } from '#domain';

import { originInPast } from './errors.ts';
import {
  COARSE_STEP_MS,
  DAY_WINDOWS,
  FINE_STEP_MS,
  FINE_WINDOWS,
  COARSE_WINDOWS,
  copyWindows,
  otherResource,
  ownResource,
  type NodeHistory,
  type ResourceHistory,
} from './history.ts';

/** Fine windows in 5 minutes. */
export const FINE_PER_COARSE = COARSE_STEP_MS / FINE_STEP_MS;
/** Scales are kept above this, so that a flat machine does not turn rounding noise into large numbers. */
const SMALLEST_DEVIATION = 0.002;
/** A last value older than this many 5-minute windows is no last value any more. */
const OLDEST_ANCHOR_WINDOWS = 6;

/** Load of the other machines at the origin; NaN when there are none. */
export interface PeerLoad {
  /** Mean of their last 5 minutes, 0..1. */
  readonly lastRatio: number;
  /** Change of that mean over 15 minutes. */
  readonly change15Ratio: number;
}

export const NO_PEERS: PeerLoad = { lastRatio: Number.NaN, change15Ratio: Number.NaN };

/**
 * One resource of one machine as seen from one moment. Holds scratch space: it is filled again for each
 * origin, so that rows cost no allocation.
 */
export interface ResourceView {
  resource: ResourceHistory;
  /** 5-minute means in the order of time; the last is the newest complete window at the origin. */
  readonly coarse: Float32Array;
  /** 30-second means in the order of time; the last ends at the origin (rounded down to 30 s). */
  readonly fine: Float32Array;
  /** `fineSums[k]`: sum of the known means among the last `k` fine windows. */
  readonly fineSums: Float64Array;
  readonly fineCounts: Int32Array;
  /** Last 5-minute mean, or the newest one of the last half hour; NaN when there is none. */
  anchor: number;
  /** Minutes between the end of the anchor's window and the origin. */
  anchorAgeMinutes: number;
  /** Mean absolute step between 5-minute means over the last day, at least `SMALLEST_DEVIATION`. */
  deviation: number;
}

/** Everything that a feature row is computed from. */
export interface OriginView {
  originMs: number;
  readonly own: ResourceView;
  readonly other: ResourceView;
  peers: PeerLoad;
}

function createResourceView(resource: ResourceHistory): ResourceView {
  return {
    resource,
    coarse: new Float32Array(COARSE_WINDOWS),
    fine: new Float32Array(FINE_WINDOWS),
    fineSums: new Float64Array(FINE_WINDOWS + 1),
    fineCounts: new Int32Array(FINE_WINDOWS + 1),
    anchor: Number.NaN,
    anchorAgeMinutes: Number.NaN,
    deviation: SMALLEST_DEVIATION,
  };
}

/** Scratch space for rows of any machine; one is enough for a whole run. */
export function createOriginView(history: NodeHistory): OriginView {
  return {
    originMs: 0,
    own: createResourceView(history.cpu),
    other: createResourceView(history.memory),
    peers: NO_PEERS,
  };
}

/** What to look at. */
export interface Origin {
  readonly history: NodeHistory;
  readonly target: LoadTarget;
  readonly originMs: number;
  readonly peers?: PeerLoad;
}

/**
 * Points the view at a moment.
 *
 * @throws MlschedError `MLS_FEATURES_ORIGIN_PAST` when the history already holds samples from after the origin.
 */
export function lookFrom(view: OriginView, origin: Origin): void {
  const { history, target, originMs } = origin;
  if (history.lastMs > originMs) throw originInPast(history.machine, originMs, history.lastMs);
  view.originMs = originMs;
  view.peers = origin.peers ?? NO_PEERS;
  fillView(view.own, ownResource(history, target), originMs);
  fillView(view.other, otherResource(history, target), originMs);
}

function fillView(view: ResourceView, resource: ResourceHistory, originMs: number): void {
  view.resource = resource;
  const { coarse, fine } = resource;
  copyWindows(coarse, Math.floor((originMs - coarse.phaseMs) / COARSE_STEP_MS), view.coarse);
  copyWindows(fine, Math.floor((originMs - fine.phaseMs) / FINE_STEP_MS), view.fine);
  addUp(view);
  findAnchor(view);
  view.deviation = Math.max(SMALLEST_DEVIATION, meanAbsoluteStep(view));
}

function addUp(view: ResourceView): void {
  const { fine, fineSums, fineCounts } = view;
  let sum = 0;
  let count = 0;
  for (let back = 0; back < FINE_WINDOWS; back++) {
    const value = fine[FINE_WINDOWS - 1 - back] as number;
    if (value === value) {
      sum += value;
      count++;
    }
    fineSums[back + 1] = sum;
    fineCounts[back + 1] = count;
  }
}

function findAnchor(view: ResourceView): void {
  view.anchor = Number.NaN;
  view.anchorAgeMinutes = Number.NaN;
  for (let window = 0; window < OLDEST_ANCHOR_WINDOWS; window++) {
    const value = fineMean(view, window * FINE_PER_COARSE, (window + 1) * FINE_PER_COARSE);
    if (Number.isNaN(value)) continue;
    view.anchor = value;
    view.anchorAgeMinutes = window * 5;
    return;
  }
}

/** Mean absolute difference of neighbouring 5-minute means over a day; 0 while there is no such pair. */
function meanAbsoluteStep(view: ResourceView): number {
  let sum = 0;
  let pairs = 0;
  let later = coarseMean(view, 0);
  for (let lag = 1; lag <= DAY_WINDOWS; lag++) {
    const earlier = coarseMean(view, lag);
    const step = Math.abs(later - earlier);
    if (step === step) {
      sum += step;
      pairs++;
    }
    later = earlier;
  }
  return pairs === 0 ? 0 : sum / pairs;
}

/** Mean of the fine windows from `from` to `to` (exclusive) back; NaN when all are empty. */
export function fineMean(view: ResourceView, from: number, to: number): number {
  const count = (view.fineCounts[to] as number) - (view.fineCounts[from] as number);
  return (
    ((view.fineSums[to] as number) - (view.fineSums[from] as number)) / (count === 0 ? Number.NaN : count)
  );
}

/** Mean of the coarse window `lag` before the last complete one; NaN when unknown. */
export function coarseMean(view: ResourceView, lag: number): number {
  return view.coarse[COARSE_WINDOWS - 1 - lag] as number;
}

/** Mean of the 30-second window `back` before the origin; NaN when unknown. */
export function fineWindow(view: ResourceView, back: number): number {
  return view.fine[FINE_WINDOWS - 1 - back] as number;
}

/** A level as its distance from the last value, in deviations; NaN stays NaN. */
export function relative(view: ResourceView, level: number): number {
  return (level - view.anchor) / view.deviation;
}
