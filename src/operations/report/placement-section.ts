import type { NodeLoadRecord } from '#simulator';
import type { PolicySummary, SimulateReport } from '#training';
import { CHART_WIDTH, drawing, legend, linearScale, ticks, xAxis } from './chart.ts';
import type { Frame } from './chart.ts';
import { element, join, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { renderTable } from './table.ts';
import type { ReportColumn } from './table.ts';

const ORACLE = 'peak-oracle';

const COLUMNS: readonly ReportColumn<PolicySummary>[] = [
  {
    header: 'Policy',
    value: (row) => (row.policy === ORACLE ? `${row.policy} (ceiling: knows the future)` : row.policy),
  },
  { header: 'Objective', value: (row) => row.objective, digits: 2 },
  {
    header: '95 % interval',
    value: ({ objectiveCi95: [low, high] }) =>
      Number.isFinite(low) ? `${low.toFixed(2)} to ${high.toFixed(2)}` : '–',
  },
  { header: 'Over 80 % (node-min)', value: (row) => row.overloadNodeMinutes80 },
  { header: 'Lost CPU (core-h)', value: (row) => row.lostCpuCoreHours, digits: 2 },
  { header: 'P99 node CPU (%)', value: (row) => row.p99NodeCpuRatio * 100, digits: 1 },
  { header: 'Imbalance (%)', value: (row) => row.imbalanceRatio * 100, digits: 1 },
  { header: 'OOM kills', value: (row) => row.oomKills, digits: 1 },
  { header: 'Unschedulable pods', value: (row) => row.unschedulablePods, digits: 1 },
];

export function policyTable(report: SimulateReport): Markup {
  return renderTable(COLUMNS, report.policies, (row) =>
    row.policy === 'mlsched' ? 'own' : row.policy === ORACLE ? 'ceiling' : undefined,
  );
}

const ROW_HEIGHT = 26;

/** Objective of each policy with its interval; left is better. */
export function objectiveChart(report: SimulateReport): Markup {
  const rows = report.policies;
  const height = rows.length * ROW_HEIGHT + 40;
  const frame: Frame = { left: 230, right: CHART_WIDTH - 60, top: 8, bottom: height - 32 };
  const high = Math.max(
    ...rows.map(({ objective, objectiveCi95 }) =>
      Math.max(objective, Number.isFinite(objectiveCi95[1]) ? objectiveCi95[1] : 0),
    ),
  );
  const domain = [0, high * 1.05] as const;
  const x = linearScale(domain, [frame.left, frame.right]);
  const marks = rows.map((row, at) => objectiveMark(row, frame.top + (at + 0.5) * ROW_HEIGHT, x));
  return drawing('Objective of each policy with its 95 % interval, lower is better', height, [
    xAxis(frame, x, ticks(domain, 6), String),
    ...marks,
  ]);
}

function objectiveMark(row: PolicySummary, y: number, x: (value: number) => number): Markup {
  const [low, high] = row.objectiveCi95;
  const kind = row.policy === 'mlsched' ? 'own' : row.policy === ORACLE ? 'ceiling' : 'rival';
  const interval = Number.isFinite(low)
    ? [element('line', { class: `interval ${kind}`, x1: x(low), x2: x(high), y1: y, y2: y })]
    : [];
  return join([
    element('text', { class: `label ${kind}`, x: 218, y: y + 4, 'text-anchor': 'end' }, [text(row.policy)]),
    ...interval,
    element('circle', { class: `dot ${kind}`, cx: x(row.objective), cy: y, r: 5 }),
    element(
      'text',
      { class: 'tick', x: Math.max(x(row.objective), Number.isFinite(high) ? x(high) : 0) + 8, y: y + 4 },
      [text(row.objective.toFixed(2))],
    ),
  ]);
}

const LEVELS = [0.2, 0.4, 0.6, 0.8, 0.95] as const;
const MAX_COLUMNS = 240;

/** Load of each node over time under each policy: one row a node, one cell a moment, darker is hotter. */
export function heatMaps(series: Readonly<Record<string, NodeLoadRecord>>, order: readonly string[]): Markup {
  const maps = order.flatMap((policy) => {
    const record = series[policy];
    return record === undefined ? [] : [heatMap(policy, record)];
  });
  if (maps.length === 0) return element('p', {}, [text('No node load was recorded.')]);
  const bounds = ['under 20 %', '20 to 40 %', '40 to 60 %', '60 to 80 %', '80 to 95 %', 'over 95 %'];
  return join([
    legend(bounds.map((label, level) => ({ label, className: `heat${level}` }))),
    element('div', { class: 'maps' }, maps),
  ]);
}

function heatMap(policy: string, record: NodeLoadRecord): Markup {
  const nodes = record.nodeNames.length;
  const times = record.timeSeconds.length;
  const stride = Math.max(1, Math.ceil(times / MAX_COLUMNS));
  const columns = Math.ceil(times / stride);
  const cellHeight = Math.max(3, Math.min(14, Math.floor(240 / nodes)));
  const width = CHART_WIDTH / columns;
  const cells: Markup[] = [];
  for (let node = 0; node < nodes; node++) {
    const levels = Array.from({ length: columns }, (_, column) =>
      levelOf(record, node, column * stride, stride),
    );
    cells.push(...runsOfLevels(levels, node * cellHeight, width, cellHeight));
  }
  return element('figure', {}, [
    element('figcaption', {}, [text(policy)]),
    drawing(`CPU demand of ${nodes} nodes over time under ${policy}`, nodes * cellHeight, cells),
  ]);
}

/** Level of the largest demand in a stretch: a short overload stays visible. */
function levelOf(record: NodeLoadRecord, node: number, from: number, length: number): number {
  const times = record.timeSeconds.length;
  let highest = 0;
  for (let time = from; time < Math.min(from + length, times); time++) {
    highest = Math.max(highest, record.cpuDemandRatio[node * times + time] ?? 0);
  }
  const level = LEVELS.findIndex((bound) => highest < bound);
  return level < 0 ? LEVELS.length : level;
}

/** Neighbouring cells of one level become one rectangle: the page stays small. */
function runsOfLevels(levels: readonly number[], y: number, width: number, height: number): Markup[] {
  const rectangles: Markup[] = [];
  for (let start = 0; start < levels.length;) {
    let end = start + 1;
    while (end < levels.length && levels[end] === levels[start]) end++;
    rectangles.push(
      element('rect', {
        class: `heat${levels[start]}`,
        x: start * width,
        y,
        width: (end - start) * width + 0.3,
        height: height - 0.5,
      }),
    );
    start = end;
  }
  return rectangles;
}
