import { ORACLE_POLICIES } from '#simulator';
import type { PolicySummary, SimulateReport } from '#training';
import { CHART_WIDTH, drawing, figure, linearScale, ticks, xAxis } from './chart.ts';
import type { Frame } from './chart.ts';
import { heatMaps } from './heat-map.ts';
import { element, join, paragraph, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { contributionTable, kindOfPolicy, policyTable, sensitivityTable } from './placement-table.ts';
import { formatCell, tableView } from './table.ts';
import { placementVerdict } from './verdict.ts';

/** What the comparison shows, also when it shows nothing. */
export function placementVerdicts(report: SimulateReport): Markup {
  const { subject, versusBest, versusEach } = report;
  const others = [
    ['stock', 'what Kubernetes does today'],
    ['random', 'no thought at all'],
  ].flatMap(([policy, role]) => {
    const found = versusEach.find(({ rival }) => rival === policy && rival !== versusBest?.rival);
    return found === undefined || role === undefined ? [] : [placementVerdict(subject, found, role)];
  });
  const best = versusBest === undefined ? [] : [placementVerdict(subject, versusBest, 'the best rival here')];
  return join([...best, ...others]);
}

export function placementSection(report: SimulateReport): Markup {
  return join([
    paragraph(
      'Every policy places the same pods, with the same real load curves, on the same nodes. Lower is better in every measure. Below each number: its 95 % interval over the seeds.',
    ),
    policyTable(report),
    objectiveChart(report),
    tableView('Table: what makes up the objective', contributionTable(report)),
    tableView(
      'Table: the verdict with each weight halved and doubled (a win that depends on a weight is not a win)',
      sensitivityTable(report),
    ),
    element('h3', {}, [text('How hot each node ran')]),
    paragraph(
      'CPU demand as a share of capacity, first seed. Each row is a node, each cell the hottest moment of a stretch.',
    ),
    heatMaps(
      report.series,
      report.policies.map(({ policy }) => policy),
    ),
  ]);
}

const ROW_HEIGHT = 28;

/** Objective of each policy with its interval; left is better. */
function objectiveChart(report: SimulateReport): Markup {
  const height = report.policies.length * ROW_HEIGHT + 56;
  const frame: Frame = { left: 250, right: CHART_WIDTH - 70, top: 6, bottom: height - 46 };
  const highest = report.policies.flatMap(({ objective, objectiveCi95 }) => [objective, objectiveCi95[1]]);
  const domain = [0, Math.max(...highest.filter(Number.isFinite)) * 1.05] as const;
  const x = linearScale(domain, [frame.left, frame.right]);
  const values = ticks(domain, 6);
  const lines = values.map((value) =>
    element('line', { class: 'grid', x1: x(value), x2: x(value), y1: frame.top, y2: frame.bottom }),
  );
  const marks = report.policies.map((row, at) => objectiveMark(row, frame.top + (at + 0.5) * ROW_HEIGHT, x));
  const title = 'objective (lower is better), mean and 95 % interval';
  return figure('Objective by policy', [
    drawing('Objective of each policy with its 95 % interval, lower is better', { height }, [
      ...lines,
      xAxis({ frame, scale: x, values, format: String, title }),
      ...marks,
    ]),
  ]);
}

function objectiveMark(row: PolicySummary, y: number, x: (value: number) => number): Markup {
  const [low, high] = row.objectiveCi95;
  const kind = kindOfPolicy(row.policy) ?? 'rival';
  const hasInterval = Number.isFinite(low) && Number.isFinite(high);
  const right = x(hasInterval ? Math.max(high, row.objective) : row.objective);
  const name = ORACLE_POLICIES.includes(row.policy) ? `${row.policy} (ceiling)` : row.policy;
  return join([
    element('text', { class: `label ${kind}`, x: 238, y: y + 5, 'text-anchor': 'end' }, [text(name)]),
    ...(hasInterval
      ? [element('line', { class: `interval ${kind}`, x1: x(low), x2: x(high), y1: y, y2: y })]
      : []),
    element('circle', { class: `dot ${kind}`, cx: x(row.objective), cy: y, r: 5.5 }),
    element('text', { class: 'tick', x: right + 12, y: y + 4 }, [text(formatCell(row.objective, 2))]),
  ]);
}
