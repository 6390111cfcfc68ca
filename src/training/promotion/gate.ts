import type { ModelName } from '#domain';
import { messageOf } from '#kernel/errors';
import { median } from '#kernel/stats';

/** One condition that a candidate must meet. */
export interface Gate {
  /** Kebab-case, stable: `beats-naive`. */
  readonly name: string;
  /** What was measured; null when it could not be. */
  readonly measured: number | null;
  readonly limit: number;
  /** Whether the measured value must be at least or at most the limit. */
  readonly direction: 'at-least' | 'at-most';
  readonly isPassed: boolean;
  /** What the number is, in words. */
  readonly meaning: string;
}

/** The verdict on a candidate; it is promoted when every gate is passed. */
export interface GateReport {
  readonly model: ModelName;
  readonly candidate: string;
  /** Undefined when no model is in service yet. */
  readonly champion: string | undefined;
  readonly gates: readonly Gate[];
  readonly isPassed: boolean;
}

/** A gate from its measurement; what is not finite has failed: a model that gives no number is no model. */
export function gate(
  name: string,
  measured: number,
  [direction, limit]: readonly [Gate['direction'], number],
  meaning: string,
): Gate {
  const isMet = direction === 'at-least' ? measured >= limit : measured <= limit;
  return {
    name,
    measured: Number.isFinite(measured) ? measured : null,
    limit,
    direction,
    isPassed: Number.isFinite(measured) && isMet,
    meaning,
  };
}

/**
 * Runs the measurements of a candidate; a candidate that throws has failed the gate `works`, with the reason.
 *
 * @param measure - Loads and measures the candidate.
 */
export async function runGates(measure: () => Promise<readonly Gate[]>): Promise<readonly Gate[]> {
  try {
    return [gate('works', 1, ['at-least', 1], 'the model loads and answers'), ...(await measure())];
  } catch (error) {
    return [{ ...gate('works', 0, ['at-least', 1], `the model fails: ${messageOf(error)}`) }];
  }
}

/** Wall time of a call, median of several, milliseconds; the first, which compiles, does not count. */
export function medianDurationMs(repeats: number, call: () => void): number {
  call();
  const times = Array.from({ length: repeats }, () => {
    const start = performance.now();
    call();
    return performance.now() - start;
  });
  return median(times);
}
