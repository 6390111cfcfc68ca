import type { WorkloadProfile, WorkloadProfiles } from '#collect';
import { formatBytes, formatDuration } from '#kernel/units';
import { renderTable } from '../table.ts';
import type { Column } from '../table.ts';

/** A workload as `workloads list` shows it. */
export interface WorkloadSummary {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly runningPods: number;
  readonly endedPods: number;
  readonly nodes: number;
  readonly qos: string;
  readonly priorityClass: string | null;
  /** 0 = none set. */
  readonly cpuRequestMillicores: number;
  readonly memoryRequestBytes: number;
}

interface FollowData {
  readonly nodes: number;
  readonly openFacts: number;
  readonly conflicts: readonly { readonly sentence: string }[];
}

export function printFollow({ nodes, openFacts, conflicts }: FollowData): string {
  const lines = conflicts.map(({ sentence }) => `WARNING ${sentence}\n`);
  return `${lines.join('')}followed ${nodes} nodes; ${openFacts} pods are on them now\n`;
}

const SUMMARY: readonly Column<WorkloadSummary>[] = [
  { header: 'NAMESPACE', value: (row) => row.namespace },
  { header: 'KIND', value: (row) => row.kind },
  { header: 'NAME', value: (row) => row.name },
  { header: 'RUNNING', value: (row) => row.runningPods },
  { header: 'ENDED', value: (row) => row.endedPods },
  { header: 'NODES', value: (row) => row.nodes },
  { header: 'QOS', value: (row) => row.qos },
  { header: 'PRIORITY CLASS', value: (row) => row.priorityClass ?? undefined },
  { header: 'CPU REQUEST (M)', value: (row) => row.cpuRequestMillicores || undefined },
  { header: 'MEMORY REQUEST', value: (row) => amount(row.memoryRequestBytes) },
];

function amount(bytes: number): string | undefined {
  return bytes === 0 ? undefined : formatBytes(bytes);
}

export function printWorkloads({ workloads }: { readonly workloads: readonly WorkloadSummary[] }): string {
  if (workloads.length === 0) return 'no pod is known in that span; run: mlsched workloads follow\n';
  return renderTable(SUMMARY, workloads);
}

interface ProfileRow {
  readonly name: string;
  readonly profile: WorkloadProfile;
}

const percent = (ratio: number | null | undefined): number | undefined =>
  ratio === null || ratio === undefined ? undefined : ratio * 100;

const PROFILE: readonly Column<ProfileRow>[] = [
  { header: 'WORKLOAD', value: ({ name }) => name },
  { header: 'PODS', value: ({ profile }) => profile.members },
  { header: 'CPU REQUEST (M)', value: ({ profile }) => profile.cpuRequestMillicores || undefined },
  { header: 'CPU MEAN (%)', value: ({ profile }) => percent(profile.cpu.meanRatio) },
  { header: 'CPU P95 (%)', value: ({ profile }) => percent(profile.cpu.p95Ratio) },
  { header: 'MEMORY MEAN (%)', value: ({ profile }) => percent(profile.memory.meanRatio) },
  { header: 'MEMORY P95 (%)', value: ({ profile }) => percent(profile.memory.p95Ratio) },
  { header: 'CPU AT 1 MIN (%)', value: ({ profile }) => percent(profile.ramp.cpuRatio[1]) },
  {
    header: 'MEAN LIFE',
    value: ({ profile: { life } }) =>
      life.meanSeconds === null ? undefined : formatDuration(life.meanSeconds * 1000),
  },
];

/** Use in percent of the request, the workloads that use most of theirs first. */
export function printProfiles(profiles: WorkloadProfiles): string {
  const rows = Object.entries(profiles.workloads)
    .map(([name, profile]) => ({ name, profile }))
    .sort((a, b) => (b.profile.cpu.meanRatio ?? 0) - (a.profile.cpu.meanRatio ?? 0));
  const all = { name: 'all workloads, each counting once', profile: profiles.cluster };
  const unknown =
    profiles.unknownPods === 0
      ? ''
      : `\n${profiles.unknownPods} pods were seen of which no fact is known; they are left out\n`;
  return `${renderTable(PROFILE, [...rows, all])}${unknown}`;
}
