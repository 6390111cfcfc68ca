import { createRng } from '#kernel/rng';
import { bootstrapInterval, mean } from '#kernel/stats';
import { OBJECTIVE_TERMS, OBJECTIVE_WEIGHTS, ORACLE_POLICIES } from '#simulator';
import type { ObjectiveParts, ObjectiveTerm } from '#simulator';
import type { Improvement, PolicySummary, Sensitivity, SimulateReport } from '#training';
import type { Markup } from './markup.ts';
import { formatRange, renderTable } from './table.ts';
import type { ReportColumn, RowKind } from './table.ts';
import { formatImprovement, outcomeOf } from './verdict.ts';

export function kindOfPolicy(policy: string): RowKind {
  if (policy === 'mlsched') return 'own';
  return ORACLE_POLICIES.includes(policy) ? 'ceiling' : undefined;
}

const PART_COLUMNS: readonly {
  readonly part: keyof ObjectiveParts;
  readonly header: string;
  readonly factor: number;
  readonly digits: number;
}[] = [
  { part: 'overloadNodeMinutes80', header: 'Over 80 % (node-min)', factor: 1, digits: 0 },
  { part: 'overloadNodeMinutes95', header: 'Over 95 % (node-min)', factor: 1, digits: 0 },
  { part: 'lostCpuCoreHours', header: 'Lost CPU (core-h)', factor: 1, digits: 2 },
  { part: 'p99NodeCpuRatio', header: 'P99 node CPU (%)', factor: 100, digits: 1 },
  { part: 'imbalanceRatio', header: 'Imbalance (% points)', factor: 100, digits: 1 },
  { part: 'oomKills', header: 'OOM kills', factor: 1, digits: 1 },
  { part: 'unschedulablePods', header: 'Unschedulable pods', factor: 1, digits: 1 },
];

/** Policy by measure, each mean over the seeds with its interval, and what mlsched gains over the policy. */
export function policyTable(report: SimulateReport): Markup {
  const versus = new Map(report.versusEach.map((each) => [each.rival, each]));
  const columns: ReportColumn<PolicySummary>[] = [
    {
      header: 'Policy',
      value: ({ policy }) => policy,
      detail: ({ policy }) => (ORACLE_POLICIES.includes(policy) ? 'ceiling: knows the future' : undefined),
    },
    {
      header: 'Objective',
      value: ({ objective }) => objective,
      digits: 2,
      detail: ({ objectiveCi95 }) => formatRange(objectiveCi95, 2),
    },
    {
      header: `${report.subject} better by (%)`,
      value: ({ policy }) => percentOf(versus.get(policy)?.improvementRatio),
      digits: 1,
      detail: ({ policy }) => describeInterval(versus.get(policy)),
    },
    ...PART_COLUMNS.map(({ part, header, factor, digits }) => ({
      header,
      value: (row: PolicySummary) => row.parts[part] * factor,
      digits,
      detail: (row: PolicySummary) => formatRange(partInterval(report, row.policy, part, factor), digits),
    })),
  ];
  return renderTable(columns, report.policies, ({ policy }) => kindOfPolicy(policy));
}

function percentOf(ratio: number | undefined): number | string {
  return ratio === undefined ? '' : ratio * 100;
}

/** The interval and, on its own line, what it shows. */
function describeInterval(improvement: Improvement | undefined): string | undefined {
  if (improvement === undefined) return undefined;
  const [low, high] = improvement.ci95;
  const range = formatRange([low * 100, high * 100], 1);
  return range === undefined ? undefined : `${range}\n${outcomeOf(improvement.ci95)}`;
}

/** Bootstrap 95 % interval of a mean over the seeds; NaN with one seed. */
function partInterval(
  report: SimulateReport,
  policy: string,
  part: keyof ObjectiveParts,
  factor: number,
): readonly [number, number] {
  const values = report.runs.filter((run) => run.policy === policy).map(({ parts }) => parts[part] * factor);
  const rng = createRng(1).fork(`report/${part}`);
  const { low, high } = bootstrapInterval(
    values.length,
    (indices) => mean(Array.from(indices, (i) => values[i] as number)),
    rng,
  );
  return [low, high];
}

const TERM_LABELS: Readonly<Record<ObjectiveTerm, string>> = {
  lostCpu: 'Lost CPU',
  overload: 'Time over 80 %',
  oomKills: 'OOM kills',
  imbalance: 'Imbalance',
  unschedulable: 'Unschedulable pods',
};

/** What each term adds to a policy's objective. */
export function contributionTable(report: SimulateReport): Markup {
  const columns: ReportColumn<PolicySummary>[] = [
    { header: 'Policy', value: ({ policy }) => policy },
    ...OBJECTIVE_TERMS.map((term) => ({
      header: `${TERM_LABELS[term]} (x ${OBJECTIVE_WEIGHTS[term]})`,
      value: ({ contributions }: PolicySummary) => contributions[term],
      digits: 3,
    })),
    { header: 'Objective', value: ({ objective }) => objective, digits: 3 },
  ];
  return renderTable(columns, report.policies, ({ policy }) => kindOfPolicy(policy));
}

/** The verdict against the best rival again, with each weight halved and doubled. */
export function sensitivityTable(report: SimulateReport): Markup {
  const columns: ReportColumn<Sensitivity>[] = [
    { header: 'Weight changed', value: ({ term, factor }) => `${TERM_LABELS[term]} x ${factor}` },
    { header: 'Best rival then', value: ({ rival }) => rival },
    {
      header: `${report.subject} is better by`,
      value: ({ improvementRatio, ci95 }) => formatImprovement(improvementRatio, ci95),
    },
    { header: 'Verdict', value: ({ ci95 }) => outcomeOf(ci95) },
  ];
  return renderTable(columns, report.sensitivity);
}
