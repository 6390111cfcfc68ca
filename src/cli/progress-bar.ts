import type { Progress } from '#kernel/progress';
import { formatDuration, SECOND_MS } from '#kernel/units';
import type { ProgressMode } from './context.ts';

const FIRST_OUTPUT_MS = SECOND_MS;
const BAR_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 10 * SECOND_MS;
const BAR_WIDTH = 24;

/** A progress display on standard error that says nothing about steps shorter than a second. */
export interface ProgressDisplay extends Progress {
  /** Removes the bar from the screen. */
  clear(): void;
}

interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

interface Step {
  readonly done: number;
  readonly total: number;
  readonly note: string;
  readonly elapsedMs: number;
}

/**
 * @param mode - `auto`: a bar on a terminal, else one line every 10 s; `json`: one JSON document a line.
 * @param sink - Standard error.
 * @param nowMs - Clock.
 */
export function createProgressDisplay(mode: ProgressMode, sink: Sink, nowMs: () => number): ProgressDisplay {
  if (mode === 'none') return { report: () => undefined, clear: () => undefined };
  const isBar = mode === 'auto' && sink.isTTY === true;
  const interval = isBar ? BAR_INTERVAL_MS : LINE_INTERVAL_MS;
  let startedMs = nowMs();
  let shownMs = startedMs + FIRST_OUTPUT_MS - interval;
  let lastDone = 0;
  let lastTotal = -1;
  const clear = (): void => {
    if (isBar) sink.write('\r\u001b[K');
  };
  return {
    clear,
    report(done, total, note = '') {
      const now = nowMs();
      // A new step is told by another total or by starting over, not by its words: those may change each time.
      if (total !== lastTotal || done < lastDone) {
        startedMs = now;
        shownMs = now + FIRST_OUTPUT_MS - interval;
      }
      lastTotal = total;
      lastDone = done;
      if (now - shownMs < interval) return;
      shownMs = now;
      const step: Step = { done, total, note, elapsedMs: now - startedMs };
      if (mode === 'json') sink.write(`${JSON.stringify({ progress: { done, total, note } })}\n`);
      else if (isBar) sink.write(`\r\u001b[K${describe(step, true).slice(0, (sink.columns ?? 80) - 1)}`);
      else sink.write(`${describe(step, false)}\n`);
    },
  };
}

function describe({ done, total, note, elapsedMs }: Step, withBar: boolean): string {
  const ratio = total > 0 ? Math.min(done / total, 1) : 0;
  const filled = Math.round(ratio * BAR_WIDTH);
  const bar = withBar && total > 0 ? `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ` : '';
  const share = total > 0 ? `${(ratio * 100).toFixed(0).padStart(3)} %` : formatDuration(elapsedMs);
  return `${bar}${share} ${note}${remaining(ratio, done, elapsedMs)}`;
}

function remaining(ratio: number, done: number, elapsedMs: number): string {
  if (ratio <= 0 || ratio >= 1 || elapsedMs < SECOND_MS) return '';
  const perSecond = (done / elapsedMs) * SECOND_MS;
  const rate = perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toFixed(2);
  return ` (${rate}/s, ${formatDuration((elapsedMs * (1 - ratio)) / ratio)} left)`;
}
