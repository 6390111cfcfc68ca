/**
 * Node anomalies against the rivals on labelled machines, the whole precision-recall curve, injected faults,
 * fault-free replays, and speed.
 *
 * Needs MLSCHED_DATA. Arguments pick parts: `labelled`, `faults`, `quiet`, `speed`; without any it measures all.
 */
import { join } from 'node:path';

import { readAnomalyMachines, readLoadSeries } from '#collect';
import { noProgress } from '#kernel/progress';
import { createRng } from '#kernel/rng';
import { median, quantile } from '#kernel/stats';
import { createHealthMonitor, fitAnomalyModel } from '#models/anomaly';
import { drawAnomalyCurve, evaluateAnomaly, findRuns, runFaultTrial, trainAnomaly } from '#training';
import type { AnomalyCurve, AnomalyReport, CurvePoint, FaultTrial, KnownAnomalies } from '#training';

import { publishSection } from './publish.ts';
import type { BenchTable } from './publish.ts';

const SEED = 1;
const COMMAND = 'MLSCHED_DATA=... bash tools/bench.sh anomaly';
/** Half of the machines, drawn by a seed before the first experiment: the design was made on these. */
const DESIGN_HALF = ['1-2', '1-4', '1-7', '1-8', '2-2', '3-3', '3-5'].map((name) => `machine-${name}`);
const MULTIPLES = [0.2, 0.3, 0.4, 0.55, 0.7, 0.75, 0.8, 0.85, 1, 1.2, 1.5, 2];
const COLUMNS = [
  'model',
  'event precision',
  'event recall',
  'point precision',
  'point recall',
  'point FPR',
  'alarmed share',
  'delay, samples',
  'alarms a day',
];

function dataRoot(): string {
  const path = process.env['MLSCHED_DATA'];
  if (path === undefined) throw new Error('set MLSCHED_DATA to the folder of the data sets');
  return path;
}

type Measures = Omit<CurvePoint, 'model' | 'thresholdMultiple'>;

function measureCells(row: Measures): (string | null)[] {
  const fixed = (value: number | null, digits: number): string | null => value?.toFixed(digits) ?? null;
  return [
    fixed(row.eventPrecision, 3),
    fixed(row.eventRecall, 3),
    fixed(row.pointPrecision, 3),
    fixed(row.pointRecall, 3),
    fixed(row.falsePositiveRate, 4),
    fixed(row.alarmedShareRatio, 4),
    fixed(row.delaySamplesMedian, 1),
    fixed(row.alarmsPerDay, 2),
  ];
}

function pooledTable(caption: string, report: AnomalyReport): BenchTable {
  const rows = report.pooled.map((row) => [row.model, ...measureCells(row)]);
  return {
    caption: `${caption}: ${report.machines} machines, ${report.events} events`,
    columns: COLUMNS,
    rows,
  };
}

function verdict(isMet: boolean): string {
  return isMet ? 'met' : 'MISSED';
}

/** The bars of the labelled set, one line each. */
function labelledNotes(ours: Measures, curve: AnomalyCurve): string[] {
  const above = curve.points.filter(({ eventPrecision }) => (eventPrecision ?? 0) >= PRECISION_BAR);
  const recallAtBar = Math.max(0, ...above.map(({ eventRecall }) => eventRecall ?? 0));
  const { eventPrecision, eventRecall, falsePositiveRate, alarmedShareRatio } = ours;
  return [
    `${verdict((eventPrecision ?? 0) >= PRECISION_BAR)}: event precision ${eventPrecision?.toFixed(3)}, bar ${PRECISION_BAR}`,
    `${verdict((falsePositiveRate ?? 1) <= 0.005)}: point FPR ${falsePositiveRate?.toFixed(4)}, bar 0.005`,
    `${verdict((eventRecall ?? 0) >= 0.5)}: event recall ${eventRecall?.toFixed(3)}, bar 0.5; the largest on the curve with event precision of ${PRECISION_BAR} is ${recallAtBar.toFixed(3)}`,
    `${verdict(alarmedShareRatio <= 0.03)}: alarmed share ${alarmedShareRatio.toFixed(4)}, bar 0.03`,
    ...READING,
  ];
}

const PRECISION_BAR = 0.94;
const READING = [
  'Which machines the design half is was drawn by a seed before the first experiment. Labels of the design half chose the form of the detector and the global figures in config.ts; the way in which the memory fades was chosen there out of six and gains little on the other half. The least training strength that a threshold is a multiple of, and the default threshold, were set with the curves of both halves in view: machines outside this set are the fair judge. No label takes part in any fit or threshold of a machine.',
  'Why recall 0.5 stays out of reach at precision 0.94: (1) labels are not all of one kind. Short spikes of one shape at the same minute of every day are events on machine 3-3; an hourly job of the same shape is none on most days of 2-2; disk spikes of one shape and size are both on 1-4. (2) A third of the missed events are one metric alone for three minutes (swap, resets, retransmits) whose like is mostly no event: alarms on metrics that training hardly ever saw move are right in one of two cases on the other half, in one of three on the design half. (3) Explored once, not repeated by this command: with the best threshold for each machine chosen by its test labels, which no honest detector can do, the score reaches recall 0.47 at precision 0.96. (4) Explored likewise: a supervised combination of 93 such measures (extremely randomised trees on the labels of six design machines, judged on the seventh) does worse than the score without labels: recall 0.06 at precision 0.94, so what separates events does not carry over from machine to machine.',
  'Tried without gain over the present score, each judged on the design half first: contrast with 15- and 60-minute medians; ratios to the largest deviation of training and to the running record; counts of metrics beyond their training extremes within three minutes; full votes for metrics that are silent in training; evidence summed over 2 to 20 minutes; thresholds that rise with the alarms or peaks of the last day or three; longer holds (10 to 240 minutes); memories of 20 hours to 5 days and other fades; other vote curves, discounts, scales, forest sizes; means of up to eleven such variants; first differences; weights by correlation; sloped splits; tail probabilities.',
];

async function measureLabelled(): Promise<void> {
  const dataDirectory = join(dataRoot(), 'smd');
  const judge = (only?: readonly string[]): Promise<AnomalyReport> =>
    evaluateAnomaly({ dataDirectory, seed: SEED, progress: noProgress, ...(only && { only }) });
  const all = await judge();
  const names = [...new Set(all.results.map(({ machine }) => machine))];
  const curve = await drawAnomalyCurve(dataDirectory, SEED, MULTIPLES);
  const ours = all.pooled.find(({ model }) => model === 'mlsched') as Measures;
  publishSection({
    id: '50-anomaly-labelled',
    title: 'Node anomalies on labelled machines',
    command: COMMAND,
    method:
      "Server Machine Dataset, 38 metrics at 1 minute. Each detector is fitted on a machine's training half and takes its threshold from it; labels only count. No point adjustment; events are runs of labelled steps, alarms runs of alarmed ones. Rivals: Isolation Forest (100 x 256), largest robust z and PCA residual, each above its 99.5 % training quantile; random is our own alarms turned to random times, 100 draws.",
    tables: [
      pooledTable('All machines', all),
      pooledTable('Design half', await judge(DESIGN_HALF)),
      pooledTable('Other half', await judge(names.filter((name) => !DESIGN_HALF.includes(name)))),
      ...curveTables(curve),
      {
        caption: 'Ours on each machine',
        columns: ['machine', ...COLUMNS.slice(1)],
        rows: all.results
          .filter(({ model }) => model === 'mlsched')
          .map((row) => [row.machine, ...measureCells(row)]),
      },
    ],
    notes: [...labelledNotes(ours, curve), await seedNote(dataDirectory)],
  });
}

const OTHER_SEEDS = [2, 3, 4] as const;

/** How far the pooled result depends on the seed of the forest. */
async function seedNote(dataDirectory: string): Promise<string> {
  const found: Measures[] = [];
  for (const seed of OTHER_SEEDS) {
    const { points } = await drawAnomalyCurve(dataDirectory, seed, [1]);
    found.push(...points);
  }
  const range = (of: (row: Measures) => number | null): string => {
    const values = found.map((row) => of(row) ?? Number.NaN);
    return `${Math.min(...values).toFixed(3)} to ${Math.max(...values).toFixed(3)}`;
  };
  return `Seeds ${OTHER_SEEDS.join(', ')}: event precision ${range((row) => row.eventPrecision)}, event recall ${range((row) => row.eventRecall)}.`;
}

function curveTables(curve: AnomalyCurve): BenchTable[] {
  return [
    {
      caption: 'Over the sensitivity, all machines',
      columns: ['threshold, x default', ...COLUMNS.slice(1)],
      rows: curve.points.map((point) => [point.thresholdMultiple, ...measureCells(point)]),
    },
    ...[1, 0.3].map((multiple) => {
      const at = curve.points.findIndex(({ thresholdMultiple }) => thresholdMultiple === multiple);
      const ours = curve.points.slice(at, at + 1);
      return {
        caption: `At our alarm rate, threshold ${multiple} x default; alerts formed in the same way`,
        columns: COLUMNS,
        rows: [...ours, ...(curve.rivalsAtEqualRate[at] ?? [])].map((point) => [
          point.model,
          ...measureCells(point),
        ]),
      };
    }),
  ];
}

function trialTable(set: string, trial: FaultTrial): BenchTable {
  return {
    caption: set,
    columns: ['fault', 'hard', 'injected', 'detected', 'median delay, samples'],
    rows: trial.outcomes.map((one) => [
      one.kind,
      one.isHard ? 'yes' : 'no',
      one.injected,
      one.detected,
      one.delaySamplesMedian,
    ]),
  };
}

/** Ratios of a trial; incidents of real anomalies that are no injected fault's count neither way. */
function ratiosOf({ outcomes, incidents, rightIncidents, realIncidents }: FaultTrial) {
  const injected = outcomes.reduce((sum, one) => sum + one.injected, 0);
  return {
    injected,
    counted: incidents - realIncidents,
    precision: rightIncidents / (incidents - realIncidents),
    recall: outcomes.reduce((sum, one) => sum + one.detected, 0) / injected,
  };
}

function trialNotes(set: string, trial: FaultTrial): string[] {
  const { precision, recall, injected, counted } = ratiosOf(trial);
  const delay = trial.hardDelaySamplesMedian ?? Number.NaN;
  const strict = trial.rightIncidents / trial.incidents;
  const real =
    trial.realIncidents === 0
      ? ''
      : `; without ${trial.realIncidents} incidents of real labelled anomalies, with them counted as false ${strict.toFixed(3)}`;
  return [
    `${set}, ${verdict(precision >= 0.94)}: precision ${precision.toFixed(3)} of ${counted} incidents, bar 0.94${real}`,
    `${set}, ${verdict(recall >= 0.9)}: recall ${recall.toFixed(3)} of ${injected} faults, bar 0.9`,
    `${set}, ${verdict(delay <= 2)}: median delay of hard faults ${delay} samples, bar 2`,
  ];
}

function seedLine(set: string, seed: number, trial: FaultTrial): string {
  const { precision, recall } = ratiosOf(trial);
  return `${set}, seed ${seed} (other faults at other times): precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`;
}

/** Labelled events of the machines whose load is `smd-nodes`: their test span follows their training span there. */
async function knownAnomalies(): Promise<KnownAnomalies> {
  const machines = await readAnomalyMachines(join(dataRoot(), 'smd'));
  return new Map(
    machines.map(({ machine, trainSteps, testLabels }) => [
      machine,
      findRuns(testLabels).map(({ start, end }) => ({ start: start + trainSteps, end: end + trainSteps })),
    ]),
  );
}

async function measureFaults(): Promise<void> {
  const tables: BenchTable[] = [];
  const notes: string[] = [];
  for (const set of ['bitbrains-rnd-hosts', 'pools-30s', 'smd-nodes']) {
    const series = await readLoadSeries(join(dataRoot(), set));
    const known = set === 'smd-nodes' ? await knownAnomalies() : undefined;
    const trial = runFaultTrial(series, SEED, known);
    tables.push(trialTable(set, trial));
    notes.push(...trialNotes(set, trial));
    // The set on which a figure was set while looking at the trial is tried again with other faults.
    if (known === undefined) continue;
    for (const seed of OTHER_SEEDS) notes.push(seedLine(set, seed, runFaultTrial(series, seed, known)));
  }
  publishSection({
    id: '51-anomaly-faults',
    title: 'Injected faults',
    command: COMMAND,
    method:
      'Real CPU and memory of each machine, eight further metrics constructed from them with noise (src/training/anomaly-faults.ts). A shared model learns from the first half of every machine; each machine gets one fault of each kind in its second half. The monitor follows each machine from its first sample on, as one in service does. An incident is right when it opens during a fault or in the 15 minutes after it.',
    tables,
    notes: [
      ...notes,
      'The companion metrics and the faults are constructions: these figures show that each kind is seen, not how a real fleet behaves.',
      'smd-nodes holds real labelled anomalies (the labels only count here) and a memory metric scaled so that 1 is its own maximum, which makes ordinary rises look like exhaustion.',
      'How steep a rise must be for a fault (1.5 times the steepest known) was set while looking at these replays with seed 1; the other seeds are the check.',
    ],
  });
}

async function measureQuiet(): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const set of ['bitbrains-rnd-hosts', 'pools-30s', 'smd-nodes', 'bitbrains-vms']) {
    const report = await trainAnomaly({
      dataDirectory: join(dataRoot(), set),
      seed: SEED,
      progress: noProgress,
    });
    const incidents = report.metrics['incidentsPerNodeMonth'] ?? Number.NaN;
    rows.push([set, report.machines, report.stepSeconds, incidents.toFixed(2), verdict(incidents <= 1)]);
  }
  publishSection({
    id: '52-anomaly-quiet',
    title: 'False incidents on ordinary load',
    command: COMMAND,
    method:
      'CPU and memory of real machines without injected faults: a shared model of the first 70 % of every machine is replayed from the first sample on and counted over the last 30 %. Every incident counts as false, whatever it was.',
    tables: [
      {
        caption: 'Incidents for each node and month, bar 1',
        columns: ['set', 'machines', 'step, s', 'incidents', 'verdict'],
        rows,
      },
    ],
    notes: ['smd-nodes has real anomalies inside, which count here too.'],
  });
}

/** Seconds that one call takes. */
function secondsOf(run: () => void): number {
  const start = performance.now();
  run();
  return (performance.now() - start) / 1000;
}

const FIT_MACHINES = 28;
const NODES = 5000;
const TICKS = 120;

async function measureSpeed(): Promise<void> {
  const machines = await readAnomalyMachines(join(dataRoot(), 'smd'));
  const fitSeconds = secondsOf(() => {
    for (let i = 0; i < FIT_MACHINES; i++) {
      const { train, metricNames } = machines[i % machines.length]!;
      fitAnomalyModel([{ rows: train }], { metricNames, stepSeconds: 60, seed: SEED });
    }
  });
  const { train, metricNames } = machines[0]!;
  const model = fitAnomalyModel([{ rows: train }], { metricNames, stepSeconds: 60, seed: SEED });
  const monitor = createHealthMonitor(model, { nodeCount: NODES });
  const rng = createRng(SEED);
  const width = metricNames.length;
  // Each node replays the machine from a place of its own.
  const offsets = Int32Array.from({ length: NODES }, () => rng.int(train.length / width - TICKS));
  const scrape = new Float32Array(NODES * width);
  const ticks = Array.from({ length: TICKS }, (_, tick) => {
    for (let node = 0; node < NODES; node++) {
      const at = (offsets[node]! + tick) * width;
      scrape.set(train.subarray(at, at + width), node * width);
    }
    return secondsOf(() => monitor.update(scrape)) * 1000;
  }).slice(TICKS / 2);
  const p95 = quantile(ticks, 0.95);
  publishSection({
    id: '53-anomaly-speed',
    title: 'Speed of node health',
    command: COMMAND,
    method: `Fit: ${FIT_MACHINES} machines of 23,700 steps and ${width} metrics, one after another on one thread (28 files, the machines at hand repeated). Tick: one scrape of ${NODES} nodes of ${width} metrics, ${ticks.length} ticks after the warm-up.`,
    tables: [
      {
        caption: 'Time',
        columns: ['what', 'value', 'bar'],
        rows: [
          ['fit, s', fitSeconds.toFixed(1), 60],
          ['tick median, ms', median(ticks).toFixed(0), 250],
          ['tick P95, ms', p95.toFixed(0), 250],
          ['resident memory, MiB', (process.memoryUsage().rss / 2 ** 20).toFixed(0), null],
        ],
      },
    ],
    notes: [`${verdict(fitSeconds <= 60)}: fit`, `${verdict(p95 <= 250)}: tick (P95)`],
  });
}

const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  labelled: measureLabelled,
  faults: measureFaults,
  quiet: measureQuiet,
  speed: measureSpeed,
};

const wanted = process.argv.slice(2);
for (const [name, measure] of Object.entries(PARTS)) {
  if (wanted.length === 0 || wanted.includes(name)) await measure();
}
