import { DEFAULT_SCORE_WEIGHTS, SCORE_PARTS } from '#domain';
import type { Decision, ScoredNode, ScorePart } from '#domain';
import { CHART_WIDTH, drawing, legend, linearScale } from './chart.ts';
import { element, join, text } from './markup.ts';
import type { Markup } from './markup.ts';

type ScoredDecision = Extract<Decision, { kind: 'scored' }>;

const ROW_HEIGHT = 30;
const MAX_CANDIDATES = 8;
const LABELS: Readonly<Record<ScorePart, string>> = {
  forecast: 'load forecast',
  placement: 'learned placement',
  health: 'node health',
};

/** Why this node: the candidates' parts, stacked with their weights, and what would have changed the choice. */
export function decisionChart(decision: ScoredDecision): Markup {
  const rows = [...decision.candidates].sort((a, b) => b.total - a.total).slice(0, MAX_CANDIDATES);
  const x = linearScale([0, 1], [200, CHART_WIDTH - 70]);
  return join([
    legend(
      SCORE_PARTS.map((part) => ({
        label: `${LABELS[part]} (${Math.round(DEFAULT_SCORE_WEIGHTS[part] * 100)} %)`,
        className: part,
      })),
    ),
    drawing(
      `Scores of the best candidates for ${decision.pod}`,
      rows.length * ROW_HEIGHT + 8,
      rows.map((row, at) => candidateBar(row, at * ROW_HEIGHT + 4, x, row.node === decision.chosen.node)),
    ),
    element('p', {}, [text(explain(decision))]),
  ]);
}

function candidateBar(row: ScoredNode, top: number, x: (value: number) => number, isChosen: boolean): Markup {
  let from = 0;
  const bars = SCORE_PARTS.flatMap((part) => {
    const width = contribution(row, part);
    const bar = element('rect', {
      class: part,
      x: x(from),
      y: top,
      width: Math.max(x(from + width) - x(from) - 1, 0),
      height: ROW_HEIGHT - 8,
    });
    from += width;
    return width > 0 ? [bar] : [];
  });
  return join([
    element('text', { class: isChosen ? 'label own' : 'label', x: 188, y: top + 16, 'text-anchor': 'end' }, [
      text(isChosen ? `chosen: ${row.node}` : row.node),
    ]),
    ...bars,
    element('text', { class: 'tick', x: x(from) + 8, y: top + 16 }, [text(row.total.toFixed(3))]),
  ]);
}

/** What a part adds to the total: its weight, re-weighted over the parts that are known, times its score. */
function contribution(row: ScoredNode, part: ScorePart): number {
  const found = row.parts[part];
  if (found.kind === 'unknown') return 0;
  const known = SCORE_PARTS.reduce(
    (sum, name) => sum + (row.parts[name].kind === 'scored' ? DEFAULT_SCORE_WEIGHTS[name] : 0),
    0,
  );
  return (DEFAULT_SCORE_WEIGHTS[part] / known) * found.score;
}

function explain(decision: ScoredDecision): string {
  const { chosen, runnerUp, margin, flips } = decision;
  if (runnerUp === undefined) return `${chosen.node} was the only candidate.`;
  const flip = flips[0];
  const change =
    flip === undefined
      ? ''
      : ` It would have lost if its ${LABELS[flip.part]} score had been ${flip.winnerDrop.toFixed(3)} lower.`;
  return `${chosen.node} beat ${runnerUp.node} by ${margin.toFixed(3)}.${change}`;
}
