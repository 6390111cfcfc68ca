import type { Improvement } from '#training';
import { element, text } from './markup.ts';
import type { Markup } from './markup.ts';

/** What an interval of an improvement shows. */
export type Outcome = 'better' | 'no difference shown' | 'worse';

/** The interval decides, not the estimate: only one that leaves out 0 shows anything. */
export function outcomeOf([low, high]: readonly [number, number]): Outcome {
  if (low > 0) return 'better';
  if (high < 0) return 'worse';
  return 'no difference shown';
}

/** `12.3 % [8.1 %, 15.0 %]`, or that one run gives no interval. */
export function formatImprovement(ratio: number, [low, high]: readonly [number, number]): string {
  const percent = (value: number): string => `${(value * 100).toFixed(1)}\u00a0%`;
  const interval = Number.isFinite(low)
    ? `[${percent(low)}, ${percent(high)}]`
    : '(no interval from one run)';
  return `${percent(ratio)} ${interval}`;
}

/** A verdict in words, with its outcome in front as a word and a colour. */
export function verdict(outcome: Outcome, sentence: string): Markup {
  return element('p', { class: `verdict ${outcome.replaceAll(' ', '-')}` }, [
    element('strong', {}, [text(outcome)]),
    element('span', {}, [text(sentence)]),
  ]);
}

/** An error or an objective that is lower by a ratio, or higher when that is below 0: `12.3 % [8.1 %, 15.0 %] lower`. */
export function describeChange(ratio: number, ci95: readonly [number, number]): string {
  const [low, high] = ci95;
  const size = ratio < 0 ? formatImprovement(-ratio, [-high, -low]) : formatImprovement(ratio, ci95);
  const direction = ratio < 0 ? 'higher' : 'lower';
  return `${size} ${direction}${outcomeOf(ci95) === 'no difference shown' ? ' in the mean' : ''}`;
}

/** How a placement policy compares with a rival, by the objective. */
export function placementVerdict(subject: string, improvement: Improvement, role: string): Markup {
  const { rival, improvementRatio, ci95 } = improvement;
  return verdict(
    outcomeOf(ci95),
    `${subject} against ${rival} (${role}): objective ${describeChange(improvementRatio, ci95)}`,
  );
}
