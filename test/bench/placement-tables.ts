import type { Improvement, SimulateReport } from '#training';

import type { BenchTable } from './publish.ts';

/** A comparison without its heat maps. */
export type MeasuredReport = Omit<SimulateReport, 'series'>;

type Reports = readonly MeasuredReport[];

const fixed = (value: number | null | undefined, digits = 2): string =>
  typeof value === 'number' && Number.isFinite(value) ? value.toFixed(digits) : '-';
const percent = (ratio: number): string => `${(100 * ratio).toFixed(1)} %`;
const label = (report: MeasuredReport): string =>
  `${report.scenario} ${Math.round(100 * report.demandRatio)} %`;
const state = (verdict: Improvement | undefined): string =>
  verdict === undefined
    ? '-'
    : `${percent(verdict.improvementRatio)} [${verdict.ci95.map((end) => fixed(100 * end, 1)).join(', ')}]`;

const isAblation = (policy: string): boolean => policy.startsWith('mlsched-');

/** Objective of each policy in each run; ablations have their own table. */
export function objectiveTable(reports: Reports): BenchTable {
  const names = [...new Set(reports.flatMap(({ policies }) => policies.map(({ policy }) => policy)))].filter(
    (name) => !isAblation(name),
  );
  const objectiveOf = (report: MeasuredReport, name: string): number =>
    report.policies.find(({ policy }) => policy === name)?.objective ?? Number.NaN;
  const full = reports.filter(({ policies }) =>
    names.every((name) => policies.some((each) => each.policy === name)),
  );
  const total = (name: string): number => full.reduce((sum, report) => sum + objectiveOf(report, name), 0);
  return {
    caption: 'Objective, mean over seeds (lower is better; - = not run)',
    columns: ['policy', ...reports.map(label)],
    rows: names
      .sort((a, b) => total(a) - total(b))
      .map((name) => [name, ...reports.map((report) => fixed(objectiveOf(report, name)))]),
  };
}

/** What the subject wins or loses, with its interval. */
export function verdictTable(reports: Reports): BenchTable {
  return {
    caption:
      'mlsched: improvement, paired over seeds, bootstrap 95 % interval (- = the oracle did not run, or is not better than the rival)',
    columns: [
      'run',
      'against random',
      'best rival',
      'against it',
      'way to the oracle',
      'unschedulable pods, to the rival',
    ],
    rows: reports.map((report) => [
      label(report),
      state(report.versusRandom),
      report.versusBest?.rival ?? '-',
      state(report.versusBest),
      hasRoom(report) ? percent(report.towardsOracleRatio ?? Number.NaN) : '-',
      unschedulable(report),
    ]),
  };
}

/** Whether the ceiling is above the best rival; at high demand it knows peaks but not how to give in. */
function hasRoom({ policies, versusBest, towardsOracleRatio }: MeasuredReport): boolean {
  const of = (name: string | undefined): number =>
    policies.find(({ policy }) => policy === name)?.objective ?? Number.NaN;
  return towardsOracleRatio !== undefined && of('peak-oracle') < of(versusBest?.rival);
}

function unschedulable(report: MeasuredReport): string {
  const of = (name: string | undefined): number | undefined =>
    report.policies.find(({ policy }) => policy === name)?.unschedulablePods;
  return `${fixed(of(report.subject), 1)} to ${fixed(of(report.versusBest?.rival), 1)}`;
}

/** The verdict against the best rival, chosen again each time, with each weight halved and doubled. */
export function sensitivityTable(reports: Reports): BenchTable {
  const columns = reports[0]?.sensitivity.map(({ term, factor }) => `${term} x ${factor}`) ?? [];
  return {
    caption:
      'Improvement over the best rival with one weight of the objective halved or doubled (low end of the 95 % interval)',
    columns: ['run', ...columns],
    rows: reports.map((report) => [
      label(report),
      ...report.sensitivity.map(
        ({ improvementRatio, ci95 }) => `${percent(improvementRatio)} (${fixed(100 * ci95[0], 1)})`,
      ),
    ]),
  };
}

/** How much worse each ablation is than the whole, which is the subject of every comparison; nothing before they ran. */
export function ablationTables(reports: Reports): BenchTable[] {
  const full = reports.filter(({ policies }) => policies.some(({ policy }) => isAblation(policy)));
  const names = [...new Set(full.flatMap(({ policies }) => policies.map(({ policy }) => policy)))].filter(
    isAblation,
  );
  if (full.length === 0) return [];
  const table: BenchTable = {
    caption:
      'Ablations: improvement of the whole mlsched over each (positive = the part left out was worth it)',
    columns: ['ablation', ...full.map(label)],
    rows: names.map((name) => [
      name,
      ...full.map((report) => state(report.versusEach.find(({ rival }) => rival === name))),
    ]),
  };
  return [table];
}

/** All parts of one run. */
export function partsTable(report: MeasuredReport): BenchTable {
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
      'burst pods',
      'burst load',
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
      fixed(each.burstLoadPeakToMeanRatio),
      fixed(each.decisionMicrosP99, 1),
    ]),
  };
}

const RANDOM_BAR = 0.34;
const ORACLE_BAR = 0.3;
const BURST_BAR = 1.3;
const SCENARIOS_TO_WIN = 4;
/** The demand at which the bars on scenarios are judged: all six run there. */
const JUDGED_DEMAND = 0.6;

/** One line a bar, met or missed. */
export function judgeBars(reports: Reports): string[] {
  const judged = reports.filter(({ demandRatio }) => demandRatio === JUDGED_DEMAND);
  const others = reports.filter(({ demandRatio }) => demandRatio !== JUDGED_DEMAND);
  return [
    everyRun(
      `better than random by at least ${percent(RANDOM_BAR)}`,
      reports,
      ({ versusRandom }) => (versusRandom?.improvementRatio ?? 0) >= RANDOM_BAR,
    ),
    winsLine(judged),
    ...(others.length > 0 ? [winsElsewhere(others)] : []),
    everyRun('no more unschedulable pods than the best rival (beyond 1 %)', reports, hasNoMoreUnschedulable),
    everyRun(
      `at least ${percent(ORACLE_BAR)} of the way from the best rival to the peak oracle`,
      reports.filter(hasRoom),
      ({ towardsOracleRatio }) => (towardsOracleRatio ?? 0) >= ORACLE_BAR,
    ),
    everyRun(
      'better than the best rival in the mean, whichever weight is halved or doubled',
      reports,
      ({ sensitivity }) => sensitivity.every(({ improvementRatio }) => improvementRatio > 0),
    ),
    everyRun(
      `burst pods of mlsched at most ${BURST_BAR} in burst-100`,
      reports.filter(({ scenario }) => scenario === 'burst-100'),
      (report) =>
        (report.policies.find(({ policy }) => policy === report.subject)?.burstPeakToMeanRatio ?? Infinity) <=
        BURST_BAR,
    ),
  ];
}

function everyRun(what: string, reports: Reports, isMet: (report: MeasuredReport) => boolean): string {
  const missed = reports.filter((report) => !isMet(report)).map(label);
  return missed.length === 0
    ? `met: ${what} (${reports.length} runs).`
    : `MISSED: ${what}; not in ${missed.join(', ')} (${missed.length} of ${reports.length} runs).`;
}

const isShownBetter = ({ versusBest }: MeasuredReport): boolean => (versusBest?.ci95[0] ?? 0) > 0;
const isShownWorse = ({ versusBest }: MeasuredReport): boolean => (versusBest?.ci95[1] ?? 0) < 0;

function winsLine(judged: Reports): string {
  const won = judged.filter(isShownBetter);
  const lost = judged.filter(isShownWorse).map(label);
  const isMet = won.length >= SCENARIOS_TO_WIN && lost.length === 0;
  const unclear = judged.filter((report) => !isShownBetter(report) && !isShownWorse(report)).map(label);
  return `${isMet ? 'met' : 'MISSED'}: better than the strongest rival with the 95 % interval above 0 on at least ${SCENARIOS_TO_WIN} scenarios at ${percent(JUDGED_DEMAND)} and worse on none: shown on ${won.length} of ${judged.length}${unclear.length > 0 ? `, not shown on ${unclear.join(', ')}` : ''}${lost.length > 0 ? `, worse on ${lost.join(', ')}` : ''}.`;
}

function winsElsewhere(others: Reports): string {
  const unclear = others.filter((report) => !isShownBetter(report) && !isShownWorse(report)).map(label);
  const lost = others.filter(isShownWorse).map(label);
  return `At the other demands mlsched is shown better than the strongest rival in ${others.filter(isShownBetter).length} of ${others.length} runs; not shown: ${unclear.join(', ') || 'none'}; worse: ${lost.join(', ') || 'none'}.`;
}

function hasNoMoreUnschedulable(report: MeasuredReport): boolean {
  const of = (name: string | undefined): number =>
    report.policies.find(({ policy }) => policy === name)?.unschedulablePods ?? 0;
  return of(report.subject) <= 1.01 * of(report.versusBest?.rival) + 0.5;
}
