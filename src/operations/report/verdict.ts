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
  const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
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

/** How a placement policy compares with a rival, by the objective. */
export function placementVerdict(subject: string, improvement: Improvement, role: string): Markup {
  const { rival, improvementRatio, ci95 } = improvement;
  const outcome = outcomeOf(ci95);
  const found = formatImprovement(outcome === 'worse' ? -improvementRatio : improvementRatio, [
    ...(outcome === 'worse' ? ([-ci95[1], -ci95[0]] as const) : ci95),
  ]);
  const change = { better: 'lower', worse: 'higher', 'no difference shown': 'lower in the mean' }[outcome];
  return verdict(outcome, `${subject} against ${rival} (${role}): objective ${found} ${change}`);
}
