/**
 * Every policy on every scenario at three demands, paired over seeds, through the command itself. Prints one JSON
 * document and writes the section of docs/reference/benchmarks.md. Options narrow it: `--scenarios a,b`,
 * `--demands 0.45,0.6`, `--seeds 10`, `--scale-seeds 2`, `--policies all`, `--data ROOT`; a narrowed run is not
 * published unless `--publish` is given.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { isMlschedError } from '#kernel/errors';
import { listScenarios } from '#training';
import type { SimulateReport } from '#training';

import { publishSection } from './publish.ts';
import type { BenchTable } from './publish.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

const { values } = parseArgs({
  options: {
    scenarios: { type: 'string' },
    demands: { type: 'string', default: '0.45,0.6,0.75' },
    seeds: { type: 'string', default: '10' },
    'scale-seeds': { type: 'string', default: '2' },
    policies: { type: 'string', default: 'all' },
    data: { type: 'string' },
    publish: { type: 'boolean', default: false },
  },
});

/** The command as a user would type it. */
function commandLine(scenario: string, demand: string): string[] {
  const seeds = scenario.startsWith('scale-') ? values['scale-seeds'] : values.seeds;
  const words = ['simulate', '--scenario', scenario, '--demand', demand, '--policies', values.policies];
  const data = values.data === undefined ? [] : ['--data', values.data];
  return [...words, '--seeds', seeds, ...data, '-o', 'json'];
}

async function simulateOnce(scenario: string, demand: string): Promise<SimulateReport> {
  process.stderr.write(`${scenario} at demand ${demand}\n`);
  const { stdout } = await run(join(root, 'bin/mlsched'), commandLine(scenario, demand), {
    cwd: root,
    maxBuffer: 2 ** 28,
  });
  return (JSON.parse(stdout) as { data: SimulateReport }).data;
}

const fixed = (value: number | null | undefined, digits = 2): string =>
  typeof value === 'number' && Number.isFinite(value) ? value.toFixed(digits) : '-';
const percent = (ratio: number): string => `${(100 * ratio).toFixed(1)} %`;
const label = (report: SimulateReport): string =>
  `${report.scenario} ${Math.round(100 * report.demandRatio)} %`;

/** Objective of each policy in each run, and its rank sum order. */
function objectiveTable(reports: readonly SimulateReport[]): BenchTable {
  const names = [...new Set(reports.flatMap(({ policies }) => policies.map(({ policy }) => policy)))];
  const objectiveOf = (report: SimulateReport, name: string): number =>
    report.policies.find(({ policy }) => policy === name)?.objective ?? Number.NaN;
  const total = (name: string): number => reports.reduce((sum, report) => sum + objectiveOf(report, name), 0);
  return {
    caption: 'Objective, mean over seeds (lower is better)',
    columns: ['policy', ...reports.map(label)],
    rows: names
      .sort((a, b) => total(a) - total(b))
      .map((name) => [name, ...reports.map((report) => fixed(objectiveOf(report, name)))]),
  };
}

/** What the subject wins or loses, with its interval and the worst case over halved and doubled weights. */
function verdictTable(reports: readonly SimulateReport[]): BenchTable {
  return {
    caption: 'Improvement, paired over seeds, bootstrap 95 % interval',
    columns: [
      'run',
      'subject',
      'against random',
      'best rival',
      'against it',
      'worst over weights',
      'way to the oracle',
    ],
    rows: reports.map((report) => {
      const { versusRandom, versusBest } = report;
      const state = (verdict: typeof versusBest): string =>
        verdict === undefined
          ? '-'
          : `${percent(verdict.improvementRatio)} [${verdict.ci95.map((end) => fixed(100 * (end ?? Number.NaN), 1)).join(', ')}]`;
      const worst = Math.min(...report.sensitivity.map(({ improvementRatio }) => improvementRatio));
      return [
        label(report),
        report.subject,
        state(versusRandom),
        versusBest?.rival ?? '-',
        state(versusBest),
        Number.isFinite(worst) ? percent(worst) : '-',
        report.towardsOracleRatio === undefined ? '-' : percent(report.towardsOracleRatio),
      ];
    }),
  };
}

/** All parts of one run. */
function partsTable(report: SimulateReport): BenchTable {
  return {
    caption: `Parts of ${label(report)}, ${report.seeds.length} seeds`,
    columns: [
      'policy',
      'objective',
      'above 80 %',
      'above 95 %',
      'lost core-hours',
      'OOM kills',
      'p99 CPU',
      'imbalance',
      'unschedulable',
      'burst peak / mean',
      'decision P99 us',
    ],
    rows: report.policies.map((each) => [
      each.policy,
      `${fixed(each.objective)} [${each.objectiveCi95.map((end) => fixed(end)).join(', ')}]`,
      percent(each.overloadNodeMinutes80 / each.parts.nodeMinutes),
      percent(each.overloadNodeMinutes95 / each.parts.nodeMinutes),
      fixed(each.lostCpuCoreHours, 1),
      fixed(each.oomKills, 1),
      fixed(each.p99NodeCpuRatio, 3),
      fixed(each.imbalanceRatio, 3),
      fixed(each.unschedulablePods, 1),
      fixed(each.burstPeakToMeanRatio),
      fixed(each.decisionMicrosP99, 1),
    ]),
  };
}

async function main(): Promise<void> {
  const scenarios = values.scenarios?.split(',') ?? (await listScenarios());
  const reports: SimulateReport[] = [];
  for (const scenario of scenarios) {
    for (const demand of values.demands.split(',')) reports.push(await simulateOnce(scenario, demand));
  }
  const summary = reports.map(({ runs: _runs, series: _series, ...rest }) => rest);
  process.stdout.write(`${JSON.stringify({ bench: 'placement', results: summary }, undefined, 2)}\n`);
  if (!values.publish && values.scenarios !== undefined) return;
  publishSection({
    id: '40-placement',
    title: 'Placement policies in the simulator',
    command: ['MLSCHED_DATA=ROOT node test/bench/placement.bench.ts', ...process.argv.slice(2)].join(' '),
    method:
      'Real demand curves, arrivals, lifetimes, requests and node shapes of the test split, which no training sees; all policies get the same arrivals and curves per seed. mlsched uses the champion models, else the starter models of the repository. The objective is fixed (docs/explanation/how-results-are-judged.md): 100 x lost CPU share + 50 x share of node-minutes above 80 % + OOM kills per 1,000 pods + 20 x mean standard deviation of node CPU + 30 x share of unschedulable pods. The oracle knows the next two hours and is never counted as a rival.',
    tables: [objectiveTable(reports), verdictTable(reports), ...reports.map(partsTable)],
    notes: [
      'Demand is the planned mean over the measured span; at 75 % the cluster as a whole is above 80 % for part of the day, which no placement can avoid.',
      'Target 1.3 for the burst peak / mean of the busiest node: see the column of burst-100; a value above it is a miss.',
      'Decision times were taken with one worker per core on a shared machine: read them against each other.',
    ],
  });
}

await main().catch((error: unknown) => {
  process.stderr.write(`${isMlschedError(error) ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
