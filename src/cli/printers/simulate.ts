import type { Improvement, PolicySummary, SimulateReport } from '#training';
import { formatPercent } from '#kernel/units';
import { renderTable } from '../table.ts';
import type { Column } from '../table.ts';

const COLUMNS: readonly Column<PolicySummary>[] = [
  { header: 'POLICY', value: (row) => row.policy },
  { header: 'OBJECTIVE', value: (row) => row.objective, digits: 2 },
  { header: '95 % INTERVAL', value: (row) => formatInterval(row.objectiveCi95, 2) },
  { header: 'OVER 80 % (NODE-MIN)', value: (row) => row.overloadNodeMinutes80 },
  { header: 'OVER 95 % (NODE-MIN)', value: (row) => row.overloadNodeMinutes95 },
  { header: 'LOST CPU (CORE-H)', value: (row) => row.lostCpuCoreHours, digits: 2 },
  { header: 'P99 CPU (%)', value: (row) => row.p99NodeCpuRatio * 100, digits: 1 },
  { header: 'IMBALANCE (%)', value: (row) => row.imbalanceRatio * 100, digits: 1 },
  { header: 'OOM KILLS', value: (row) => row.oomKills, digits: 1 },
  { header: 'UNSCHEDULABLE', value: (row) => row.unschedulablePods, digits: 1 },
];

/** Only scenarios with bursts have it. */
const BURST_COLUMN: Column<PolicySummary> = {
  header: 'BURST PEAK / MEAN',
  value: (row) => row.burstPeakToMeanRatio,
  digits: 2,
};

/** `[1.20, 3.40]`, or `-` when one seed gives no interval. */
function formatInterval([low, high]: readonly [number, number], digits: number): string {
  return Number.isFinite(low) && Number.isFinite(high)
    ? `[${low.toFixed(digits)}, ${high.toFixed(digits)}]`
    : '-';
}

/** Best policy first; means over the seeds. Lower is better in every column. */
export function printSimulation(report: SimulateReport): string {
  const head = `scenario ${report.scenario}, demand ${formatPercent(report.demandRatio, 0)} of capacity, ${report.seeds.length} paired seeds, ${report.split} traces; lower is better\n\n`;
  const hasBursts = report.policies.some(({ burstPeakToMeanRatio }) => Number.isFinite(burstPeakToMeanRatio));
  const columns = hasBursts ? [...COLUMNS, BURST_COLUMN] : COLUMNS;
  return `${head}${renderTable(columns, report.policies)}\n${describeVerdicts(report)}`;
}

/** What the comparison shows, in sentences that also say when nothing is shown. */
function describeVerdicts(report: SimulateReport): string {
  const verdicts = [report.versusBest, report.versusRandom]
    .filter((verdict) => verdict !== undefined)
    .map((verdict) => `${describeVerdict(report.subject, verdict)}\n`);
  const oracle =
    report.towardsOracleRatio === undefined
      ? ''
      : `${formatPercent(report.towardsOracleRatio, 0)} of the way from the best rival to the peak oracle, which knows the future and is only a ceiling\n`;
  return `${verdicts.join('')}${oracle}`;
}

function describeVerdict(subject: string, { rival, improvementRatio, ci95 }: Improvement): string {
  const [low, high] = ci95;
  const interval = Number.isFinite(low) ? ` [${formatPercent(low)}, ${formatPercent(high)}]` : '';
  if (low > 0) return `${subject} is better than ${rival} by ${formatPercent(improvementRatio)}${interval}`;
  if (high < 0) return `${subject} is worse than ${rival} by ${formatPercent(-improvementRatio)}${interval}`;
  return `${subject} against ${rival}: no difference shown (${formatPercent(improvementRatio)}${interval})`;
}
