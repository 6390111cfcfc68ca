import type { LoadTarget } from '#domain';

import { originInPast, sampleOutOfOrder } from '../errors.ts';
import {
  clearWindows,
  closeWindow,
  createWindowStore,
  LAG_WIDTH,
  LONGEST_SPAN,
  STATE_STEP_MS,
  toUnits,
  type WindowStore,
} from './window-store.ts';

/** Means of a window that is still open. */
interface OpenWindow {
  sum: number;
  count: number;
}

/**
 * What the state features of one node are made of: a day of windows of 30 s of CPU and memory. About 40 KiB a node. Fed
 * sample by sample, in a replay and in a live service alike.
 */
export interface NodeState {
  readonly machine: string;
  readonly cpu: WindowStore;
  readonly memory: WindowStore;
  readonly open: Readonly<Record<LoadTarget, OpenWindow>>;
  /** Number of the open window; a window `n` ends at `n * 30 s`. */
  openWindow: number;
  /** Number of the last closed window; NaN before the first sample. */
  closedWindow: number;
  /** Time of the newest sample; -Infinity before the first. */
  lastMs: number;
}

export function createNodeState(machine: string): NodeState {
  return {
    machine,
    cpu: createWindowStore(),
    memory: createWindowStore(),
    open: { cpu: { sum: 0, count: 0 }, memory: { sum: 0, count: 0 } },
    openWindow: Number.NaN,
    closedWindow: Number.NaN,
    lastMs: Number.NEGATIVE_INFINITY,
  };
}

/** Whether a sample would come too late: older than the newest one, or of a window that a row already told of. */
export function isLate(state: NodeState, timeMs: number): boolean {
  return timeMs < state.lastMs || Math.ceil(timeMs / STATE_STEP_MS) <= state.closedWindow;
}

/**
 * Takes in one sample; a ratio that is NaN or outside 0..1 counts as unknown.
 *
 * @throws MlschedError `MLS_FEATURES_OUT_OF_ORDER` when it comes too late (see `isLate`).
 */
export function observeLoad(state: NodeState, timeMs: number, cpu: number, memory: number): void {
  if (isLate(state, timeMs)) throw sampleOutOfOrder(state.machine, timeMs, state.lastMs);
  const window = Math.ceil(timeMs / STATE_STEP_MS);
  if (Number.isNaN(state.closedWindow)) state.closedWindow = window - 1;
  if (window !== state.openWindow) {
    closeThrough(state, window - 1);
    state.openWindow = window;
  }
  state.lastMs = timeMs;
  addTo(state.open.cpu, toUnits(cpu));
  addTo(state.open.memory, toUnits(memory));
}

function addTo(open: OpenWindow, units: number): void {
  if (units < 0) return;
  open.sum += units;
  open.count += 1;
}

/**
 * Closes all windows that end at or before a moment.
 *
 * @returns Number of the last window that ends there.
 * @throws MlschedError `MLS_FEATURES_ORIGIN_PAST` when the node already holds samples from after that moment.
 */
export function advanceTo(state: NodeState, originMs: number): number {
  if (state.lastMs > originMs) throw originInPast(state.machine, originMs, state.lastMs);
  const now = Math.floor(originMs / STATE_STEP_MS);
  if (state.closedWindow < now) closeThrough(state, now);
  return now;
}

function closeThrough(state: NodeState, last: number): void {
  const { openWindow } = state;
  if (openWindow > state.closedWindow && openWindow <= last) {
    closeUnknown(state, openWindow - 1);
    closeWindow(state.cpu, openWindow, takeMean(state.open.cpu));
    closeWindow(state.memory, openWindow, takeMean(state.open.memory));
    state.closedWindow = openWindow;
  }
  closeUnknown(state, last);
}

/** Windows without a sample stay unknown; after enough of them nothing is left to remember. */
function closeUnknown(state: NodeState, last: number): void {
  if (last - state.closedWindow > LONGEST_SPAN + LAG_WIDTH) {
    clearWindows(state.cpu);
    clearWindows(state.memory);
    state.closedWindow = last;
  }
  for (let n = state.closedWindow + 1; n <= last; n++) {
    closeWindow(state.cpu, n, -1);
    closeWindow(state.memory, n, -1);
    state.closedWindow = n;
  }
}

function takeMean(open: OpenWindow): number {
  const mean = open.count === 0 ? -1 : Math.round(open.sum / open.count);
  open.sum = 0;
  open.count = 0;
  return mean;
}
