import type { BaselineReport } from '#operations';
import { renderTable } from '../table.ts';
import type { Column } from '../table.ts';

type NodeRow = BaselineReport['nodes'][number];

const NODES: readonly Column<NodeRow>[] = [
  { header: 'NODE', value: ({ node }) => node },
  { header: 'CPU MEAN (%)', value: ({ cpu }) => cpu.meanRatio * 100, digits: 1 },
  { header: 'CPU P95 (%)', value: ({ cpu }) => cpu.p95Ratio * 100, digits: 1 },
  { header: 'CPU >80 % (MIN)', value: ({ cpu }) => cpu.minutesAbove80 },
  { header: 'MEMORY MEAN (%)', value: ({ memory }) => memory && memory.meanRatio * 100, digits: 1 },
  { header: 'MEMORY P95 (%)', value: ({ memory }) => memory && memory.p95Ratio * 100, digits: 1 },
  { header: 'MEMORY >80 % (MIN)', value: ({ memory }) => memory?.minutesAbove80 },
  { header: 'KNOWN (%)', value: ({ cpu }) => cpu.completenessRatio * 100, digits: 1 },
];

const MAX_NODES = 30;

interface BaselineData extends Pick<BaselineReport, 'nodes'> {
  readonly path: string;
  readonly cpu: Pick<BaselineReport['cpu'], 'meanRatio' | 'imbalanceRatio' | 'avoidableShareRatio'>;
}

/** The fullest nodes, then where the page is. */
export function printBaseline({ nodes, cpu, path }: BaselineData): string {
  const percent = (ratio: number): string =>
    Number.isNaN(ratio) ? 'unknown' : `${(ratio * 100).toFixed(1)} %`;
  const more = nodes.length > MAX_NODES ? `and ${nodes.length - MAX_NODES} emptier nodes\n` : '';
  return [
    renderTable(NODES, nodes.slice(0, MAX_NODES)) + more,
    `CPU ${percent(cpu.meanRatio)} on average, ${(cpu.imbalanceRatio * 100).toFixed(1)} percentage points of imbalance between nodes; ` +
      `a node above 80 % beside one below 50 % for ${percent(cpu.avoidableShareRatio)} of the time\n`,
    `report: ${path}\n`,
  ].join('\n');
}
