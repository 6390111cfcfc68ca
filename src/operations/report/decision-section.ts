import { DEFAULT_SCORE_WEIGHTS, SCORE_PARTS } from '#domain';
import type { Decision, ScoredNode, ScorePart } from '#domain';
import { createPartTable, effectiveWeights } from '#models/ensemble';
import { CHART_WIDTH, drawing, figure, legend, linearScale } from './chart.ts';
import type { Scale } from './chart.ts';
import { element, join, paragraph, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { renderTable, tableView } from './table.ts';
import type { ReportColumn } from './table.ts';

type ScoredDecision = Extract<Decision, { kind: 'scored' }>;

const ROW_HEIGHT = 32;
const BAR_LEFT = 230;
const MAX_CANDIDATES = 8;
/** A narrower bar has no room for its number. */
const NARROWEST_LABELLED = 36;
const LABELS: Readonly<Record<ScorePart, string>> = {
  forecast: 'load forecast',
  placement: 'learned placement',
  health: 'node health',
};

/** Why this node: the candidates' parts, stacked with their weights, and what would have changed the choice. */
export function decisionSection(decision: ScoredDecision): Markup {
  const ranked = decision.candidates.toSorted((a, b) => b.total - a.total);
  const shown = ranked.slice(0, MAX_CANDIDATES).map((node) => ({ node, shares: sharesOf(node, decision) }));
  const x = linearScale([0, 1], [BAR_LEFT, CHART_WIDTH - 70]);
  const role = ({ node }: ScoredNode): string => {
    if (node === decision.chosen.node) return `${node} (chosen)`;
    return node === decision.runnerUp?.node ? `${node} (runner-up)` : node;
  };
  const caption = `Pod ${decision.pod}: the best ${shown.length} of ${ranked.length} candidate nodes`;
  return join([
    paragraph(
      'Each node gets three scores from 0 to 1. Their weighted sum decides; the numbers in the bars are what each part adds.',
    ),
    figure(caption, [
      drawing(
        `Scores of the best candidates for pod ${decision.pod}`,
        { height: shown.length * ROW_HEIGHT + 4 },
        shown.map(({ node, shares }, at) =>
          candidateBar({ label: role(node), total: node.total, shares }, at * ROW_HEIGHT + 4, x),
        ),
      ),
      legend([
        ...SCORE_PARTS.map((part) => ({
          label: `${LABELS[part]} (weight ${Math.round(DEFAULT_SCORE_WEIGHTS[part] * 100)} %)`,
          className: part,
        })),
        ...(shown.some(({ shares }) => shares.some(({ part }) => part === 'unknown'))
          ? [{ label: 'unknown: counts as the average of the others', className: 'unknown' }]
          : []),
      ]),
    ]),
    ...explain(decision).map((sentence) => paragraph(sentence)),
    tableView('Table: every candidate', candidateTable(ranked)),
  ]);
}

type Share = { readonly part: ScorePart | 'unknown'; readonly size: number };

/** What each part adds to a node's total: weights are spread over the parts that any candidate has. */
function sharesOf(node: ScoredNode, { candidates }: ScoredDecision): Share[] {
  const table = createPartTable(candidates.length);
  for (const part of SCORE_PARTS) {
    candidates.forEach(({ parts }, at) => {
      const found = parts[part];
      if (found.kind === 'scored') table[part][at] = found.score;
    });
  }
  const weights = effectiveWeights(table, DEFAULT_SCORE_WEIGHTS, candidates.length);
  const known = SCORE_PARTS.flatMap((part): Share[] => {
    const found = node.parts[part];
    return found.kind === 'scored' ? [{ part, size: weights[part] * found.score }] : [];
  });
  const rest = node.total - known.reduce((sum, { size }) => sum + size, 0);
  return rest > 1e-6 ? [...known, { part: 'unknown', size: rest }] : known;
}

function candidateBar(
  row: { readonly label: string; readonly total: number; readonly shares: readonly Share[] },
  top: number,
  x: Scale,
): Markup {
  const height = ROW_HEIGHT - 8;
  let from = 0;
  const bars = row.shares.map(({ part, size }) => {
    const left = x(from);
    const width = Math.max(x(from + size) - left - 1, 0);
    from += size;
    const label = element(
      'text',
      { class: 'inside', x: left + width / 2, y: top + 17, 'text-anchor': 'middle' },
      [text(size.toFixed(3))],
    );
    return join([
      element('rect', { class: part, x: left, y: top, width, height }),
      ...(width < NARROWEST_LABELLED ? [] : [label]),
    ]);
  });
  return join([
    element(
      'text',
      {
        class: row.label.endsWith('(chosen)') ? 'label own' : 'label',
        x: BAR_LEFT - 12,
        y: top + 17,
        'text-anchor': 'end',
      },
      [text(row.label)],
    ),
    ...bars,
    element('text', { class: 'tick', x: x(from) + 8, y: top + 17 }, [text(row.total.toFixed(3))]),
  ]);
}

function explain({ chosen, runnerUp, margin, flips }: ScoredDecision): string[] {
  if (runnerUp === undefined) return [`${chosen.node} was the only candidate.`];
  const won = `${chosen.node} beat ${runnerUp.node} by ${margin.toFixed(3)}.`;
  if (flips.length === 0) return [`${won} No single part could have changed that.`];
  const changes = flips.map(({ part, winnerDrop }) => `${LABELS[part]} by ${winnerDrop.toFixed(3)}`);
  return [`${won} It would have lost with one of its scores lower: ${changes.join(', or ')}.`];
}

function candidateTable(candidates: readonly ScoredNode[]): Markup {
  const columns: ReportColumn<ScoredNode>[] = [
    { header: 'Node', value: ({ node }) => node },
    ...SCORE_PARTS.map((part) => ({
      header: LABELS[part],
      value: ({ parts }: ScoredNode) => {
        const found = parts[part];
        return found.kind === 'scored' ? found.score : Number.NaN;
      },
      digits: 3,
      detail: ({ parts }: ScoredNode) => {
        const found = parts[part];
        return found.kind === 'unknown' ? `unknown: ${found.reason}` : undefined;
      },
    })),
    { header: 'Total', value: ({ total }) => total, digits: 3 },
  ];
  return renderTable(columns, candidates);
}
