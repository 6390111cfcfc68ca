import type { UseProfile } from '#collect';
import { DAY_MS, formatBytes, formatDuration, formatPercent } from '#kernel/units';
import { element, join, paragraph, text } from '../report/markup.ts';
import type { Markup } from '../report/markup.ts';
import { renderPage } from '../report/page.ts';
import { renderTable } from '../report/table.ts';
import type { ReportColumn } from '../report/table.ts';
import { distributionFigure, hourFigure, nameOf, timelineFigure } from './figures.ts';
import type { BaselineReport, ClusterUse, NodeBaseline, NodeUse } from './types.ts';

export interface BaselinePage {
  readonly report: BaselineReport;
  readonly createdAtMs: number;
  readonly dataDirectory: string;
  readonly version: string;
}

/** Renders the baseline as one self-contained HTML page; everything from data is escaped, unknown numbers are dashes. */
export function renderBaseline({ report, createdAtMs, dataDirectory, version }: BaselinePage): string {
  const moment = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
  const days = (report.endMs - report.startMs) / DAY_MS;
  const known = report.nodes.reduce((sum, { cpu }) => sum + cpu.completenessRatio, 0) / report.nodes.length;
  return renderPage({
    title: 'Baseline of the present cluster',
    facts: join([
      paragraph(
        `${report.nodes.length} nodes, ${days.toFixed(1)} days from ${moment(report.startMs)} to ${moment(report.endMs)} UTC; ${formatPercent(known)} of the 5-minute windows are known.`,
      ),
      paragraph(`mlsched ${version}, ${moment(createdAtMs)} UTC, data ${dataDirectory}`, 'meta'),
    ]),
    verdicts: findings(report),
    sections: [
      { id: 'cluster', title: 'The cluster as a whole', body: clusterSection(report) },
      { id: 'nodes', title: 'The nodes', body: nodesSection(report) },
      { id: 'requests', title: 'What is requested and what is used', body: requestsSection(report) },
      { id: 'scheduling', title: 'Scheduling', body: schedulingSection(report) },
      { id: 'method', title: 'How to read this', body: method() },
    ],
  });
}

/** What stands out, in sentences. */
function findings({ cpu, memory, nodes }: BaselineReport): Markup[] {
  const line = (kind: 'worse' | 'better' | '', title: string, sentence: string): Markup =>
    element('p', { class: `verdict ${kind}`.trim() }, [
      element('strong', {}, [text(title)]),
      element('span', {}, [text(sentence)]),
    ]);
  const hot = nodes.filter((node) => node.cpu.minutesAbove80 > 0 || (node.memory?.minutesAbove80 ?? 0) > 0);
  const uses = [cpu, ...(memory === undefined ? [] : [memory])];
  const idle = uses.map((use) => `${formatPercent(use.idleRatio, 0)} of ${inText(use)}`).join(' and ');
  const avoidable = cpu.avoidableShareRatio > 0;
  return [
    hot.length === 0
      ? line('better', 'Hot nodes', 'No node was above 80 % for five minutes.')
      : line(
          'worse',
          'Hot nodes',
          `${hot.length} of ${nodes.length} nodes were above 80 %: ${uses.map((use) => `${inText(use)} for ${hours(use.minutesAbove80)}`).join(', ')} of node time in all.`,
        ),
    nodes.length < 2
      ? line('', 'Balance', 'With one node there is nothing to balance.')
      : line(
          avoidable ? 'worse' : '',
          'Balance',
          `The fullest and the emptiest node are ${points(cpu.spreadMedianRatio)} of CPU apart at half of the time; for ${formatPercent(cpu.avoidableShareRatio)} of the time a node was above 80 % while another was below 50 %.`,
        ),
    line('', 'Idle', `${idle} ${uses.length > 1 ? 'were' : 'was'} idle on average.`),
  ];
}

function inText(use: ClusterUse): string {
  return use.target === 'cpu' ? 'CPU' : 'memory';
}

function hours(minutes: number): string {
  return formatDuration(minutes * 60_000);
}

function points(ratio: number): string {
  return Number.isNaN(ratio) ? 'unknown' : `${Math.round(ratio * 100)} percentage points`;
}

const percent = (ratio: number | undefined): number | undefined =>
  ratio === undefined ? undefined : ratio * 100;

const CLUSTER: readonly ReportColumn<ClusterUse>[] = [
  { header: 'Resource', value: (use) => nameOf(use.target) },
  { header: 'Mean use (%)', value: (use) => percent(use.meanRatio), digits: 1 },
  { header: 'Idle (%)', value: (use) => percent(use.idleRatio), digits: 1 },
  { header: 'Above 80 % (node-min)', value: (use) => use.minutesAbove80 },
  { header: 'Above 95 % (node-min)', value: (use) => use.minutesAbove95 },
  { header: 'Time above 80 % (%)', value: (use) => percent(use.shareAbove80Ratio), digits: 2 },
  { header: 'Imbalance (% points)', value: (use) => percent(use.imbalanceRatio), digits: 1 },
  { header: 'Fullest to emptiest (% points)', value: (use) => percent(use.spreadMedianRatio), digits: 1 },
  { header: 'Hot beside roomy (% of time)', value: (use) => percent(use.avoidableShareRatio), digits: 2 },
];

function clusterSection({ cpu, memory }: BaselineReport): Markup {
  const uses = memory === undefined ? [cpu] : [cpu, memory];
  return join([
    renderTable(CLUSTER, uses),
    ...(memory === undefined ? [paragraph('The source has no memory.')] : []),
    ...uses.map(timelineFigure),
    distributionFigure(uses),
  ]);
}

const useColumns = (
  name: string,
  read: (node: NodeBaseline) => NodeUse | undefined,
): ReportColumn<NodeBaseline>[] => [
  { header: `${name} mean (%)`, value: (node) => percent(read(node)?.meanRatio), digits: 1 },
  { header: `${name} P95 (%)`, value: (node) => percent(read(node)?.p95Ratio), digits: 1 },
  { header: `${name} max (%)`, value: (node) => percent(read(node)?.maxRatio), digits: 1 },
  { header: `${name} above 80 % (min)`, value: (node) => read(node)?.minutesAbove80 },
  { header: `${name} above 95 % (min)`, value: (node) => read(node)?.minutesAbove95 },
];

function nodesSection({ nodes }: BaselineReport): Markup {
  const columns: ReportColumn<NodeBaseline>[] = [
    { header: 'Node', value: ({ node }) => node },
    ...useColumns('CPU', ({ cpu }) => cpu),
    ...useColumns('Memory', ({ memory }) => memory),
    { header: 'Known (%)', value: ({ cpu }) => percent(cpu.completenessRatio), digits: 1 },
  ];
  return join([hourFigure(nodes), renderTable(columns, nodes)]);
}

const EXTRAS: readonly ReportColumn<NodeBaseline>[] = [
  { header: 'Node', value: ({ node }) => node },
  { header: 'CPU requested (cores)', value: ({ extras }) => extras?.cpuRequestedCores, digits: 1 },
  {
    header: 'CPU requested (%)',
    value: ({ extras }) => share(extras?.cpuRequestedCores, extras?.cpuCapacityCores),
    digits: 1,
  },
  { header: 'CPU used (%)', value: ({ cpu }) => percent(cpu.meanRatio), digits: 1 },
  { header: 'Memory requested', value: ({ extras }) => bytes(extras?.memoryRequestedBytes) },
  {
    header: 'Memory requested (%)',
    value: ({ extras }) => share(extras?.memoryRequestedBytes, extras?.memoryCapacityBytes),
    digits: 1,
  },
  { header: 'Memory used (%)', value: ({ memory }) => percent(memory?.meanRatio), digits: 1 },
];

function share(part: number | undefined, whole: number | undefined): number {
  return (100 * (part ?? Number.NaN)) / (whole ?? Number.NaN);
}

function bytes(amount: number | undefined): string | undefined {
  return amount === undefined || Number.isNaN(amount) ? undefined : formatBytes(amount);
}

const MAX_WORKLOADS = 20;

interface WorkloadRow {
  readonly workload: string;
  readonly pods: number;
  readonly cpuRequestMillicores: number | null;
  readonly cpu: UseProfile;
  readonly memory: UseProfile;
  /** Requested and on average unused, all pods together. */
  readonly unusedMillicores: number;
}

const WORKLOADS: readonly ReportColumn<WorkloadRow>[] = [
  { header: 'Workload', value: ({ workload }) => workload },
  { header: 'Pods', value: ({ pods }) => pods },
  { header: 'CPU request (m)', value: ({ cpuRequestMillicores }) => cpuRequestMillicores },
  { header: 'CPU mean (% of request)', value: ({ cpu }) => percent(cpu.meanRatio ?? undefined), digits: 1 },
  { header: 'CPU P95 (% of request)', value: ({ cpu }) => percent(cpu.p95Ratio ?? undefined), digits: 1 },
  {
    header: 'Memory mean (% of request)',
    value: ({ memory }) => percent(memory.meanRatio ?? undefined),
    digits: 1,
  },
  {
    header: 'Memory P95 (% of request)',
    value: ({ memory }) => percent(memory.p95Ratio ?? undefined),
    digits: 1,
  },
  { header: 'Unused request (cores)', value: ({ unusedMillicores }) => unusedMillicores / 1000, digits: 2 },
];

function requestsSection({ nodes, profiles }: BaselineReport): Markup {
  const parts: Markup[] = [];
  const withExtras = nodes.filter(({ extras }) => extras !== undefined);
  if (withExtras.some(({ extras }) => !Number.isNaN(extras?.memoryRequestedBytes ?? Number.NaN))) {
    parts.push(renderTable(EXTRAS, withExtras));
  } else {
    parts.push(
      paragraph('Requests of nodes are unknown: kube-state-metrics was not collected into this history.'),
    );
  }
  if (profiles === undefined) {
    parts.push(
      paragraph(
        'Use of single workloads is unknown: run mlsched workloads follow, then mlsched workloads profile.',
      ),
    );
    return join(parts);
  }
  const rows = Object.entries(profiles.workloads)
    .map(([workload, profile]): WorkloadRow => {
      const request = profile.cpuRequestMillicores ?? 0;
      const unused = request * Math.max(0, 1 - (profile.cpu.meanRatio ?? 1)) * profile.members;
      return { workload, pods: profile.members, unusedMillicores: unused, ...profile };
    })
    .sort((a, b) => b.unusedMillicores - a.unusedMillicores);
  return join([
    ...parts,
    element('h3', {}, [text('Workloads that request most of what they do not use')]),
    renderTable(WORKLOADS, rows.slice(0, MAX_WORKLOADS)),
  ]);
}

function schedulingSection({ scheduling }: BaselineReport): Markup {
  if (scheduling === undefined) {
    return paragraph('Scheduling is unknown: kube-scheduler was not collected into this history.');
  }
  return renderTable<typeof scheduling>(
    [
      { header: 'Attempts a minute', value: (row) => row.attemptsPerMinute, digits: 1 },
      { header: 'Mean attempt (ms)', value: (row) => row.attemptMeanMs, digits: 1 },
      { header: 'Mean of the slowest hour (ms)', value: (row) => row.slowestHourMeanMs, digits: 1 },
      { header: 'Pending pods, mean', value: (row) => row.podsPendingMean, digits: 1 },
      { header: 'Pending pods, most', value: (row) => row.podsPendingMax },
    ],
    [scheduling],
  );
}

function method(): Markup {
  const notes = [
    'Everything is measured on 5-minute means; a window without a sample is unknown and counts nowhere.',
    'Above 80 % and above 95 %: minutes of the windows whose mean was higher, summed over the nodes.',
    'Imbalance: standard deviation between the nodes at each moment, averaged over time. Fullest to emptiest: median over time.',
    'Hot beside roomy: share of the time in which a node was above 80 % while another was below 50 %, that is, load that a better placement could have spread.',
    'Idle counts each node the same, however large it is.',
    'Keep this page: the same command after the rollout gives the numbers to compare with.',
  ];
  return element(
    'ul',
    {},
    notes.map((note) => element('li', {}, [text(note)])),
  );
}
