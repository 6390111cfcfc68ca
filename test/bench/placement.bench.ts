/**
 * Every policy on every scenario, paired over seeds, on test traces, and the verdicts. Writes the section of
 * docs/reference/benchmarks.md from all pieces that are there, so that it can run in the background and be stopped:
 * each piece (scenario at a demand) is kept when it is done. `--only hosts-24@0.6,scale-1000@0.6` runs some pieces,
 * `--render` none; `--remark TEXT` adds a line to the page; `--threads N` (default 1); `--data ROOT` or MLSCHED_DATA.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import type { ModelArtefact } from '#domain';
import { isMlschedError } from '#kernel/errors';
import { loadPolicyModels } from '#services/models';
import { compareResults, policyNames, simulate } from '#training';

import { openPieces } from './pieces.ts';
import {
  ablationTables,
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
    remark: { type: 'string', multiple: true, default: [] },
  },
});

interface Piece {
  readonly scenario: string;
  readonly demand: number;
  readonly policies: readonly string[];
}

const SEEDS = 10;
const SMALL = ['hydatis', 'hosts-24', 'burst-100', 'skewed', 'node-failure'];
/** Ourselves, the controls, the strongest five rivals, the ceiling. */
const CORE = [
  'mlsched',
  'random',
  'stock',
  'target-load-packing',
  'koordinator-load-aware',
  'volcano-usage',
  'crane-dynamic',
  'peak-oracle',
];
/** A run at a thousand nodes takes a slow policy minutes: the strongest two rivals of the other scenarios. */
const SCALE = ['random', 'stock', 'target-load-packing', 'koordinator-load-aware', 'mlsched'];

/** What is measured, the most telling pieces first. */
const PLAN: readonly Piece[] = [
  ...SMALL.map((scenario) => ({ scenario, demand: 0.6, policies: CORE })),
  ...SMALL.map((scenario) => ({ scenario, demand: 0.75, policies: CORE })),
  { scenario: 'scale-1000', demand: 0.6, policies: SCALE },
  ...SMALL.map((scenario) => ({
    scenario,
    demand: 0.6,
    policies: policyNames().filter((name) => !CORE.includes(name)),
  })),
  ...SMALL.map((scenario) => ({ scenario, demand: 0.45, policies: CORE })),
];

const runName = ({ scenario, demand }: Piece): string => `${scenario}@${demand}`;
const pieceName = (piece: Piece): string =>
  `${runName(piece)}${piece.policies.includes('mlsched') ? '' : '-rest'}`;

/** The runs of one piece, and what they took. */
interface Measured extends Pick<
  MeasuredReport,
  'scenario' | 'description' | 'demandRatio' | 'split' | 'seeds' | 'runs'
> {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

async function runPiece(piece: Piece, artefacts: ReadonlyMap<string, ModelArtefact>): Promise<Measured> {
  const began = performance.now();
  const cpu = process.cpuUsage();
  const { scenario, description, demandRatio, split, seeds, runs } = await simulate({
    dataDirectory: resolve(values.data),
    scenario: piece.scenario,
    demandRatio: piece.demand,
    policies: piece.policies,
    seeds: SEEDS,
    threads: Number(values.threads),
    artefacts,
    progress: {
      report: (done, total, note) =>
        process.stderr.write(`${pieceName(piece)} ${done}/${total} ${note ?? ''}\n`),
    },
  });
  const { user, system } = process.cpuUsage(cpu);
  const wallSeconds = (performance.now() - began) / 1000;
  const cpuSeconds = (user + system) / 1e6;
  return { scenario, description, demandRatio, split, seeds, runs, wallSeconds, cpuSeconds };
}

async function measure(): Promise<Map<Piece, Measured>> {
  const artefacts = await loadPolicyModels(resolve(root, '.mlsched'), 'champion', 'all', {
    note: (line) => process.stderr.write(`${line}\n`),
  });
  const pieces = openPieces<Measured>('placement', [
    'src/simulator',
    'src/models/placement',
    'src/models/ensemble',
    'data/starter-models',
  ]);
  const only = values.only?.split(',');
  const measured = new Map<Piece, Measured>();
  for (const piece of PLAN) {
    const isWanted = !values.render && (only === undefined || only.includes(pieceName(piece)));
    const found = isWanted
      ? await pieces.take(pieceName(piece), () => runPiece(piece, artefacts))
      : pieces.peek(pieceName(piece));
    if (found !== undefined) measured.set(piece, found);
  }
  return measured;
}

/** Brings the pieces of one scenario and demand together; those without `mlsched` alone say nothing. */
function combine(measured: ReadonlyMap<Piece, Measured>): MeasuredReport[] {
  const groups = Map.groupBy(measured, ([piece]) => runName(piece));
  return [...groups.values()].flatMap((group) => {
    const runs = group.flatMap(([, piece]) => piece.runs);
    const names = [...new Set(runs.map(({ policy }) => policy))];
    const first = group[0]?.[1];
    if (first === undefined || !names.includes('mlsched')) return [];
    const { scenario, description, demandRatio, split, seeds } = first;
    return [{ scenario, description, demandRatio, split, seeds, runs, ...compareResults(runs, names) }];
  });
}

function publish(measured: ReadonlyMap<Piece, Measured>, reports: readonly MeasuredReport[]): void {
  const minutes = (pick: (piece: Measured) => number): string =>
    ([...measured.values()].reduce((sum, piece) => sum + pick(piece), 0) / 60).toFixed(0);
  const missing = PLAN.filter((piece) => !measured.has(piece)).map(pieceName);
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
      ...ablationTables(reports),
      ...reports.map(partsTable),
    ],
    notes: [
      ...judgeBars(reports),
      'Demand is the planned mean over the measured span; at 75 % the cluster as a whole is above 80 % for part of the day, which no placement can avoid.',
      'Burst pods: pods of a 100-pod burst on the node with most of them over the mean of the nodes with room; it counts pods, so a policy that levels load is above 1 on purpose (the peak oracle is far above). Burst load: CPU of the most loaded node over the mean, right after the burst.',
      'Decision times were taken on a machine shared with other work: read them against each other.',
      `Wall time ${minutes(({ wallSeconds }) => wallSeconds)} min on one thread at the lowest priority of a busy machine, ${minutes(({ cpuSeconds }) => cpuSeconds)} min CPU.`,
      ...values.remark,
      ...(missing.length > 0 ? [`Not measured yet: ${missing.join(', ')}.`] : []),
    ],
  });
}

try {
  const measured = await measure();
  const reports = combine(measured);
  const summary = reports.map(({ runs: _runs, ...rest }) => rest);
  process.stdout.write(`${JSON.stringify({ bench: 'placement', results: summary }, undefined, 2)}\n`);
  if (reports.length > 0) publish(measured, reports);
} catch (error) {
  process.stderr.write(`${isMlschedError(error) ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
