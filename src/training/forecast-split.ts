import { JUDGE_STEP_SECONDS, type LoadSeries } from '#domain';

/** Shares of each machine's span, from its beginning: fit, then tune and calibrate, then test. */
const FIT_END_RATIO = 0.7;
const TEST_START_RATIO = 0.85;

/** Borders of one machine's span, milliseconds; windows count by the time at which they end. */
export interface SpanBorders {
  readonly calibrationStartMs: number;
  readonly testStartMs: number;
  readonly endMs: number;
}

/** Cuts the 5-minute grid of a machine chronologically into 70 / 15 / 15 %. */
export function splitSpan(grid: LoadSeries): SpanBorders {
  const at = (share: number): number =>
    grid.startMs + Math.floor(grid.length * share) * JUDGE_STEP_SECONDS * 1000;
  return { calibrationStartMs: at(FIT_END_RATIO), testStartMs: at(TEST_START_RATIO), endMs: at(1) };
}
