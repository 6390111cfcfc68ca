import type { NodeLoadRecord } from '#simulator';
import { drawing, figure, legend, linearScale, ticks, xAxis } from './chart.ts';
import type { Frame } from './chart.ts';
import { element, join, paragraph, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { renderTable, tableView } from './table.ts';
import type { ReportColumn } from './table.ts';

/** Upper bounds of the colours but the last, as ratios of capacity. */
const LEVELS = [0.2, 0.4, 0.6, 0.8, 0.95] as const;
/** Words for the colours `heat0` to `heat5`. */
export const LEVEL_LABELS = [
  'under 20 %',
  '20 to 40 %',
  '40 to 60 %',
  '60 to 80 %',
  '80 to 95 %',
  'over 95 %',
];
const MAP_WIDTH = 552;
const MAX_COLUMNS = 180;
const HOUR_SECONDS = 3600;

interface LoadMap {
  readonly policy: string;
  readonly record: NodeLoadRecord;
}

/** CPU demand of each node over time under each policy, best policy first, and the same as a table. */
export function heatMaps(series: Readonly<Record<string, NodeLoadRecord>>, order: readonly string[]): Markup {
  const maps = order.flatMap((policy): LoadMap[] => {
    const record = series[policy];
    return record === undefined || record.timeSeconds.length === 0 ? [] : [{ policy, record }];
  });
  if (maps.length === 0) return paragraph('No node load was recorded.');
  return join([
    legend(LEVEL_LABELS.map((label, level) => ({ label, className: `heat${level}` }))),
    element('div', { class: 'maps' }, maps.map(heatMap)),
    tableView('Table: share of node time at each level (%)', levelTable(maps)),
  ]);
}

function heatMap({ policy, record }: LoadMap): Markup {
  const nodes = record.nodeNames.length;
  const times = record.timeSeconds.length;
  const hours = (record.timeSeconds[times - 1] as number) / HOUR_SECONDS;
  const stride = Math.ceil(times / MAX_COLUMNS);
  const cellHeight = Math.max(2, Math.min(16, Math.floor(220 / nodes)));
  const frame: Frame = { left: 0, right: MAP_WIDTH, top: 0, bottom: nodes * cellHeight };
  const x = linearScale([0, hours], [frame.left, frame.right]);
  const rows = record.nodeNames.map((name, node) => {
    const levels = Array.from({ length: Math.ceil(times / stride) }, (_, column) =>
      levelOf(hottest(record, node, column * stride, stride)),
    );
    return element('g', {}, [
      element('title', {}, [text(name)]),
      ...runsOfLevels(levels, { y: node * cellHeight, height: cellHeight }),
    ]);
  });
  const size = { width: MAP_WIDTH, height: frame.bottom + 44 };
  return figure(policy, [
    drawing(`CPU demand of ${nodes} nodes over ${hours.toFixed(0)} hours under ${policy}`, size, [
      ...rows,
      xAxis({ frame, scale: x, values: ticks([0, hours], 6).slice(1, -1), format: String, title: 'hours' }),
    ]),
  ]);
}

/** The largest demand in a stretch: a short overload stays visible. */
function hottest(record: NodeLoadRecord, node: number, from: number, length: number): number {
  const times = record.timeSeconds.length;
  let highest = 0;
  for (let time = from; time < Math.min(from + length, times); time++) {
    highest = Math.max(highest, record.cpuDemandRatio[node * times + time] ?? 0);
  }
  return highest;
}

/** Number of the colour of a ratio of capacity. */
export function levelOf(ratio: number): number {
  const level = LEVELS.findIndex((bound) => ratio < bound);
  return level < 0 ? LEVELS.length : level;
}

/** Neighbouring cells of one level become one rectangle: the page stays small. */
function runsOfLevels(
  levels: readonly number[],
  row: { readonly y: number; readonly height: number },
): Markup[] {
  const width = MAP_WIDTH / levels.length;
  const rectangles: Markup[] = [];
  for (let start = 0; start < levels.length;) {
    let end = start + 1;
    while (end < levels.length && levels[end] === levels[start]) end++;
    rectangles.push(
      element('rect', {
        class: `heat${levels[start]}`,
        x: start * width,
        y: row.y,
        width: (end - start) * width + 0.3,
        height: row.height - 0.6,
      }),
    );
    start = end;
  }
  return rectangles;
}

function levelTable(maps: readonly LoadMap[]): Markup {
  const rows = maps.map(({ policy, record }) => {
    const counts = LEVEL_LABELS.map(() => 0);
    for (const ratio of record.cpuDemandRatio) counts[levelOf(ratio)]! += 1;
    return { policy, shares: counts.map((count) => (100 * count) / record.cpuDemandRatio.length) };
  });
  const columns: ReportColumn<(typeof rows)[number]>[] = [
    { header: 'Policy', value: ({ policy }) => policy },
    ...LEVEL_LABELS.map((header, level) => ({
      header,
      value: ({ shares }: (typeof rows)[number]) => shares[level],
      digits: 1,
    })),
  ];
  return renderTable(columns, rows);
}
