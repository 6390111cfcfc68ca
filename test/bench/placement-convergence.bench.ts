/**
 * Trains the placement policy from five seeds, and shows where each converged, what it cost, and how each of the five
 * policies does against the strongest rival on test traces. Needs MLSCHED_DATA. Each seed is kept when it is done, and
 * training goes on from its last checkpoint, so it can be stopped at any time. `--seeds 1,2` trains some of them;
 * `--render` none, and publishes what there is.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import type { ModelArtefact } from '#domain';
import { simulate, trainPlacement } from '#training';
import type { PlacementCurves } from '#training';

import { openPieces } from './pieces.ts';
import { publishSection } from './publish.ts';
import type { BenchTable } from './publish.ts';

const BAR_EPISODES = 500;
const BAR_MINUTES = 20;
const JUDGED = ['hosts-24', 'burst-100'];
const RIVAL = 'target-load-packing';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '1,2,3,4,5' }, render: { type: 'boolean', default: false } },
});
const root = process.env['MLSCHED_DATA'];
if (root === undefined) throw new Error('set MLSCHED_DATA to the folder with the full data sets');
const seeds = values.seeds.split(',').map(Number);
const stateDirectory = resolve(import.meta.dirname, '../../.mlsched/bench/placement-convergence');

/** What is kept of one training. */
interface TrainedSeed {
  readonly seed: number;
  readonly curves: PlacementCurves;
  readonly convergedAtEpisode: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly files: readonly (readonly [string, string])[];
  readonly schemaVersion: string;
}

async function trainSeed(seed: number, dataDirectory: string): Promise<TrainedSeed> {
  const checkpointDirectory = join(stateDirectory, `checkpoint-${seed}`);
  mkdirSync(checkpointDirectory, { recursive: true });
  const began = performance.now();
  const cpu = process.cpuUsage();
  const { artefact, curves, convergedAtEpisode } = await trainPlacement({
    dataDirectory,
    seed,
    budget: 'full',
    checkpointDirectory,
    progress: {
      report: (done, total, note) => process.stderr.write(`seed ${seed}: ${done}/${total} ${note ?? ''}\n`),
    },
  });
  const { user, system } = process.cpuUsage(cpu);
  return {
    seed,
    curves,
    convergedAtEpisode,
    wallSeconds: (performance.now() - began) / 1000,
    cpuSeconds: (user + system) / 1e6,
    files: [...artefact.files].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')] as const),
    schemaVersion: artefact.schemaVersion,
  };
}

function artefactOf({ files, schemaVersion }: TrainedSeed): ModelArtefact {
  return {
    model: 'placement',
    schemaVersion,
    files: new Map(files.map(([name, text]) => [name, new Uint8Array(Buffer.from(text, 'base64'))])),
  };
}

/** The network alone, without forecast and health, against the rival on traces that no training saw. */
async function judge(trained: TrainedSeed, scenario: string, dataDirectory: string): Promise<string> {
  const { versusEach } = await simulate({
    dataDirectory,
    scenario,
    policies: ['mlsched', RIVAL],
    seeds: 10,
    demandRatio: 0.6,
    threads: 1,
    artefacts: new Map([['placement', artefactOf(trained)]]),
    progress: { report: () => undefined },
  });
  const verdict = versusEach.find(({ rival }) => rival === RIVAL);
  if (verdict === undefined) return '-';
  const [low, high] = verdict.ci95.map((end) => (100 * end).toFixed(1));
  return `${(100 * verdict.improvementRatio).toFixed(1)} % [${low}, ${high}]`;
}

function curveTable(trained: readonly TrainedSeed[]): BenchTable {
  const points = trained[0]?.curves.validations ?? [];
  return {
    caption: 'Validation: objective as a ratio of the stock policy, by episode (lower is better)',
    columns: ['episode', ...trained.map(({ seed }) => `seed ${seed}`)],
    rows: points.map(({ episode }, i) => [
      episode,
      ...trained.map(({ curves }) => curves.validations[i]?.objectiveToStock.toFixed(3) ?? '-'),
    ]),
  };
}

function verdict(isMet: boolean): string {
  return isMet ? 'met' : 'MISSED';
}

const sources = ['src/simulator', 'src/models/placement', 'src/training/placement-config.ts'];
const trainings = openPieces<TrainedSeed>('placement-convergence', sources);
const verdicts = openPieces<string>('placement-convergence-judged', [...sources, 'src/models/ensemble']);
const trained: TrainedSeed[] = [];
for (const seed of seeds) {
  const name = `seed-${seed}`;
  const found = values.render
    ? trainings.peek(name)
    : await trainings.take(name, () => trainSeed(seed, root));
  if (found !== undefined) trained.push(found);
}
const judged = new Map<number, string[]>();
for (const each of trained) {
  const row: string[] = [];
  for (const scenario of JUDGED) {
    const name = `${each.seed}-${scenario}`;
    const found = values.render
      ? verdicts.peek(name)
      : await verdicts.take(name, () => judge(each, scenario, root));
    row.push(found ?? '-');
  }
  judged.set(each.seed, row);
}

const summary: BenchTable = {
  caption: 'Trainings that differ in their seed alone',
  columns: [
    'seed',
    'converged at episode',
    'best at episode',
    'objective to stock',
    'wall s',
    'CPU s',
    ...JUDGED.map((scenario) => `${scenario}, network alone against ${RIVAL}`),
  ],
  rows: trained.map((each) => [
    each.seed,
    each.convergedAtEpisode,
    each.curves.bestEpisode,
    each.curves.validations
      .find(({ episode }) => episode === each.curves.bestEpisode)
      ?.objectiveToStock.toFixed(3) ?? '-',
    each.wallSeconds.toFixed(0),
    each.cpuSeconds.toFixed(0),
    ...(judged.get(each.seed) ?? []),
  ]),
};
process.stdout.write(
  `${JSON.stringify({ bench: 'placement-convergence', rows: summary.rows }, undefined, 2)}\n`,
);
const converged = trained.filter(
  ({ convergedAtEpisode }) => convergedAtEpisode >= 0 && convergedAtEpisode < BAR_EPISODES,
);
const missing = [1, 2, 3, 4, 5].filter((seed) => trained.every((each) => each.seed !== seed));
const slowest = Math.max(...trained.map(({ cpuSeconds }) => cpuSeconds)) / 60;
if (values.render || trained.length >= 5) {
  publishSection({
    id: '42-placement-convergence',
    title: 'Placement training: seeds and convergence',
    command: 'MLSCHED_DATA=ROOT node test/bench/placement-convergence.bench.ts',
    method:
      'Full budget on the training split of the traces; validated every 25 episodes on four scenarios, two demands and two seeds of the validation split. Converged = the first validation from which on every later one stays within 5 % of the best. The last columns judge each network alone (no forecast, no health) on 10 paired seeds of the test split at 60 % demand; bootstrap 95 % interval.',
    tables: [summary, curveTable(trained)],
    notes: [
      `${verdict(converged.length === trained.length && missing.length === 0)}: converged in under ${BAR_EPISODES} episodes on 5 of 5 seeds; so far on ${converged.length} of the ${trained.length} measured.`,
      ...(missing.length > 0 ? [`Not measured yet: seed ${missing.join(', ')}.`] : []),
      `${verdict(slowest <= BAR_MINUTES)}: at most ${BAR_MINUTES} minutes; the slowest took ${slowest.toFixed(1)} CPU minutes on one thread, on a machine shared with other work.`,
    ],
  });
}
