/**
 * Every policy on every scenario, paired over seeds, on test traces, and the verdicts. Writes the section of
 * docs/reference/benchmarks.md from all pieces that are there, so that it can run in the background and be stopped:
 * each piece (scenario at a demand) is kept when it is done. `--only hosts-24@0.6,scale-1000@0.6` runs some pieces,
 * `--render` none; `--threads N` (default 1); `--data ROOT` or MLSCHED_DATA.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import type { ModelArtefact } from '#domain';
import { isMlschedError } from '#kernel/errors';
import { loadPolicyModels } from '#services/models';
import { policyNames, simulate } from '#training';

import { openPieces } from './pieces.ts';
import {
  ablationTable,
  judgeBars,
  objectiveTable,
  partsTable,
  sensitivityTable,
  verdictTable,
} from './placement-tables.ts';
import type { MeasuredReport } from './placement-tables.ts';
import { publishSection } from './publish.ts';

const root = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    threads: { type: 'string', default: '1' },
    data: { type: 'string', default: process.env['MLSCHED_DATA'] ?? '' },
    render: { type: 'boolean', default: false },
  },
});

interface Piece {
  readonly scenario: string;
  readonly demand: number;
  readonly policies: readonly string[] | 'all';
  readonly seeds: number;
}

const SMALL = ['hydatis', 'hosts-24', 'burst-100', 'skewed', 'node-failure'];
const STRONGEST = [
  'target-load-packing',
  'koordinator-load-aware',
  'volcano-usage',
  'crane-dynamic',
  'stock',
] as const;
/** At a thousand nodes a run of a slow policy takes minutes: the best two rivals of the other scenarios. */
const SCALE = ['random', 'stock', 'target-load-packing', 'koordinator-load-aware', 'mlsched'];

/** What is measured, the most telling pieces first. */
const PLAN: readonly Piece[] = [
  ...SMALL.map((scenario) => ({ scenario, demand: 0.6, policies: 'all' as const, seeds: 10 })),
  ...[0.75, 0.45].flatMap((demand) =>
    SMALL.map((scenario) => ({
      scenario,
      demand,
      policies: ['random', ...STRONGEST, 'mlsched', 'peak-oracle'],
      seeds: 10,
    })),
  ),
  ...[0.6, 0.75].map((demand) => ({ scenario: 'scale-1000', demand, policies: SCALE, seeds: 10 })),
];

const nameOf = ({ scenario, demand }: Piece): string => `${scenario}@${demand}`;

async function runPiece(
  piece: Piece,
  artefacts: ReadonlyMap<string, ModelArtefact>,
): Promise<MeasuredReport> {
  const began = performance.now();
  const cpu = process.cpuUsage();
  const { series: _series, ...report } = await simulate({
    dataDirectory: resolve(values.data),
    scenario: piece.scenario,
    demandRatio: piece.demand,
    policies: piece.policies === 'all' ? policyNames() : piece.policies,
    seeds: piece.seeds,
    threads: Number(values.threads),
    artefacts,
    progress: {
      report: (done, total, note) =>
        process.stderr.write(`${nameOf(piece)} ${done}/${total} ${note ?? ''}\n`),
    },
  });
  const { user, system } = process.cpuUsage(cpu);
  return {
    ...report,
    wallSeconds: (performance.now() - began) / 1000,
    cpuSeconds: (user + system) / 1e6,
  };
}

async function measure(): Promise<MeasuredReport[]> {
  const artefacts = await loadPolicyModels(resolve(root, '.mlsched'), 'champion', 'all', {
    note: (line) => process.stderr.write(`${line}\n`),
  });
  const pieces = openPieces<MeasuredReport>('placement', [
    'src/simulator',
    'src/models/placement',
    'src/models/ensemble',
    'data/starter-models',
  ]);
  const only = values.only?.split(',');
  const reports: MeasuredReport[] = [];
  for (const piece of PLAN) {
    const isWanted = !values.render && (only === undefined || only.includes(nameOf(piece)));
    const report = isWanted
      ? await pieces.take(nameOf(piece), () => runPiece(piece, artefacts))
      : pieces.peek(nameOf(piece));
    if (report !== undefined) reports.push(report);
  }
  return reports;
}

function publish(reports: readonly MeasuredReport[]): void {
  const minutes = (pick: (report: MeasuredReport) => number): string =>
    (reports.reduce((sum, report) => sum + pick(report), 0) / 60).toFixed(0);
  const done = new Set(reports.map(({ scenario, demandRatio }) => `${scenario}@${demandRatio}`));
  const missing = PLAN.map(nameOf).filter((name) => !done.has(name));
  publishSection({
    id: '40-placement',
    title: 'Placement policies in the simulator',
    command: 'MLSCHED_DATA=ROOT node test/bench/placement.bench.ts',
    method:
      'Real demand curves, arrivals, lifetimes, requests and node shapes of the test split, which no training and no choice of a setting sees; all policies get the same arrivals and curves per seed, 10 seeds. mlsched uses the champion models, else the starter models of the repository. The objective is fixed (docs/explanation/how-results-are-judged.md): 100 x lost CPU share + 50 x share of node-minutes above 80 % + OOM kills per 1,000 pods + 20 x mean standard deviation of node CPU + 30 x share of unschedulable pods. The oracles know the next two hours and are never counted as rivals. At 60 % demand every policy runs; at 45 and 75 % the five strongest rivals, and at 1,000 nodes the strongest two with stock and random.',
    tables: [
      objectiveTable(reports),
      verdictTable(reports),
      sensitivityTable(reports),
      ablationTable(reports),
      ...reports.map(partsTable),
    ],
    notes: [
      ...judgeBars(reports),
      'Demand is the planned mean over the measured span; at 75 % the cluster as a whole is above 80 % for part of the day, which no placement can avoid.',
      'Burst pods: pods of a 100-pod burst on the node with most of them over the mean of the nodes with room; it counts pods, so a policy that levels load is above 1 on purpose (the peak oracle is far above). Burst load: CPU of the most loaded node over the mean, right after the burst.',
      'Decision times were taken on a machine shared with other work: read them against each other.',
      `Wall time ${minutes(({ wallSeconds }) => wallSeconds)} min on one thread at lowest priority, ${minutes(({ cpuSeconds }) => cpuSeconds)} min CPU.`,
      ...(missing.length > 0 ? [`Not measured yet: ${missing.join(', ')}.`] : []),
    ],
  });
}

try {
  const reports = await measure();
  const summary = reports.map(({ runs: _runs, ...rest }) => rest);
  process.stdout.write(`${JSON.stringify({ bench: 'placement', results: summary }, undefined, 2)}\n`);
  publish(reports);
} catch (error) {
  process.stderr.write(`${isMlschedError(error) ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
