/**
 * XGBoost through our C binding against Python's, and what it costs in memory.
 *
 * Prints one JSON document and publishes the section; with the name of a part (`training`, `latencies`, `tickMs`,
 * `large`, `cycles`) as argument it measures and prints that part alone.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { FEATURE_COUNT } from '#features';
import { createRng } from '#kernel/rng';
import { quantile } from '#kernel/stats';
import { MIB } from '#kernel/units';
import { loadPredictor, openXgboost, trainBooster } from '#native';
import type { MatrixBatch } from '#native';

import { publishSection } from './publish.ts';

const root = resolve(import.meta.dirname, '../..');
const COLUMNS = 60;
const PARAMETERS = { objective: 'reg:absoluteerror', max_depth: 6, eta: 0.1, seed: 1 };

/** A smooth function of some features, noise in the rest, 2 % missing. */
function makeBatch(
  rows: number,
  seed: number,
  columns = COLUMNS,
): Required<Pick<MatrixBatch, 'values' | 'labels'>> {
  const rng = createRng(seed);
  const values = new Float32Array(rows * columns);
  const labels = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const first = row * columns;
    for (let i = 0; i < columns; i++) values[first + i] = rng.next() < 0.02 ? Number.NaN : rng.next();
    const [a = 0, b = 0, c = 0] = values.subarray(first, first + 3).map((value) => value || 0);
    labels[row] = Math.sin(6 * a) + b * c + 0.2 * rng.next();
  }
  return { values, labels };
}

function milliseconds(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

interface TrainingTimes {
  readonly rows: number;
  readonly rounds: number;
  readonly ours: readonly Took[];
  readonly python: readonly Took[];
  /** Of median wall times. */
  readonly wallRatio: number;
  /** Of median CPU times: what other programs on the machine disturb least. */
  readonly cpuRatio: number;
}

interface Took {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** Matrix and rounds, one thread, turn by turn with a fresh Python that times itself. */
function compareTraining(rows: number, rounds: number, turns: number): TrainingTimes {
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-bench-'));
  const batch = makeBatch(rows, 1);
  writeFileSync(join(folder, 'values'), new Uint8Array(batch.values.buffer));
  writeFileSync(join(folder, 'labels'), new Uint8Array(batch.labels.buffer));
  const python = execFileSync('bash', [join(root, 'tools/python/setup-env.sh'), 'parity'], {
    encoding: 'utf8',
  }).trim();
  const request = {
    folder,
    values: 'values',
    labels: 'labels',
    columns: COLUMNS,
    parameters: PARAMETERS,
    rounds,
    threads: 1,
    write: {},
  };
  const ours: Took[] = [];
  const theirs: Took[] = [];
  try {
    for (let turn = 0; turn < turns; turn++) {
      ours.push(trainHere(batch, rounds));
      const answer = execFileSync(python, [join(root, 'tools/python/xgboost_oracle.py')], {
        input: JSON.stringify(request),
        encoding: 'utf8',
      });
      const times = JSON.parse(answer) as { seconds: [number]; cpuSeconds: [number] };
      theirs.push({ wallMs: 1000 * times.seconds[0], cpuMs: 1000 * times.cpuSeconds[0] });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const ratio = (key: keyof Took): number => medianOf(ours, key) / medianOf(theirs, key);
  return { rows, rounds, ours, python: theirs, wallRatio: ratio('wallMs'), cpuRatio: ratio('cpuMs') };
}

function medianOf(times: readonly Took[], key: keyof Took): number {
  return quantile(
    times.map((took) => took[key]),
    0.5,
  );
}

function trainHere(batch: MatrixBatch, rounds: number): Took {
  const before = process.cpuUsage();
  const wallMs = milliseconds(() => {
    const library = openXgboost();
    using training = library.createMatrix({ columns: COLUMNS, batches: [batch] });
    using booster = trainBooster(library, { parameters: PARAMETERS, training, rounds }).booster;
    booster.boostedRounds();
  });
  const { user, system } = process.cpuUsage(before);
  return { wallMs, cpuMs: (user + system) / 1000 };
}

interface Latency {
  readonly engine: string;
  readonly rows: number;
  readonly minMs: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

/** A model as the forecast has them: three quantiles, 80 rounds, depth 6. */
function trainQuantiles(): Uint8Array {
  const library = openXgboost();
  using training = library.createMatrix({ columns: COLUMNS, batches: [makeBatch(50_000, 2)] });
  const parameters = { ...PARAMETERS, objective: 'reg:quantileerror', quantile_alpha: [0.05, 0.5, 0.95] };
  using booster = trainBooster(library, { parameters, training, rounds: 80 }).booster;
  return booster.save('ubj');
}

function measureLatencies(model: Uint8Array): Latency[] {
  const found: Latency[] = [];
  for (const rows of [1, 64, 5000])
    for (const engine of ['auto', 'xgboost', 'tree-walk'] as const) {
      using predictor = loadPredictor(model, { engine });
      const { values } = makeBatch(rows, 3);
      const repeats = rows >= 5000 ? 20 : 500;
      for (let warm = 0; warm < 20; warm++) predictor.predict(values, rows);
      const times = Array.from({ length: repeats }, () =>
        milliseconds(() => void predictor.predict(values, rows)),
      );
      found.push({
        engine,
        rows,
        minMs: Math.min(...times),
        medianMs: quantile(times, 0.5),
        p99Ms: quantile(times, 0.99),
      });
    }
  return found;
}

/** 5,000 nodes, 4 horizons, CPU and memory: eight models of three quantiles over all nodes. */
function measureTick(model: Uint8Array): number {
  const predictors = Array.from({ length: 8 }, () => loadPredictor(model));
  const { values } = makeBatch(5000, 4);
  const times = Array.from({ length: 10 }, () =>
    milliseconds(() => {
      for (const predictor of predictors) predictor.predict(values, 5000);
    }),
  );
  for (const predictor of predictors) predictor.free();
  return quantile(times, 0.5);
}

interface LargeTraining {
  readonly rows: number;
  readonly seconds: number;
  readonly maxRssMib: number;
}

/** Rounds of the large training: memory is what is measured, and no round needs more than the one before. */
const LARGE_ROUNDS = 5;

/** 5 million rows as wide as those of the forecast: 100,000 in memory at a time, the quantised pages on disk. */
function trainLarge(): LargeTraining {
  const batchRows = 100_000;
  const batchCount = 50;
  const columns = FEATURE_COUNT;
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-pages-'));
  // Two different batches in turn are enough: drawing numbers anew would take longer than training.
  const stored = [makeBatch(batchRows, 10, columns), makeBatch(batchRows, 11, columns)];
  const batches = function* (): Generator<MatrixBatch> {
    for (let i = 0; i < batchCount; i++) yield stored[i % stored.length] as MatrixBatch;
  };
  const took = milliseconds(() => {
    const library = openXgboost();
    using training = library.createMatrix({
      columns,
      batches,
      maxBins: 64,
      cachePrefix: join(folder, 'pages'),
    });
    const parameters = { ...PARAMETERS, max_bin: 64, colsample_bytree: 0.2 };
    using booster = trainBooster(library, { parameters, training, rounds: LARGE_ROUNDS }).booster;
    booster.save('ubj');
  });
  rmSync(folder, { recursive: true });
  return {
    rows: batchRows * batchCount,
    seconds: took / 1000,
    maxRssMib: (process.resourceUsage().maxRSS * 1024) / MIB,
  };
}

interface Cycles {
  readonly cycles: number;
  /** Resident memory after each tenth of the cycles. */
  readonly rssMib: readonly number[];
}

/** Creates, trains, saves, loads, predicts and frees, again and again: memory must level off. */
function runCycles(cycles: number): Cycles {
  const library = openXgboost();
  const batch = makeBatch(100, 5);
  const rssMib: number[] = [];
  for (let cycle = 1; cycle <= cycles; cycle++) {
    using training = library.createMatrix({ columns: COLUMNS, batches: [batch] });
    using booster = trainBooster(library, { parameters: PARAMETERS, training, rounds: 3 }).booster;
    using predictor = loadPredictor(booster.save('ubj'));
    predictor.predict(batch.values, 100);
    booster.predict(batch.values, 100, { kind: 'contributions' });
    if (cycle % (cycles / 10) === 0) rssMib.push(Math.round(process.memoryUsage.rss() / MIB));
  }
  return { cycles, rssMib };
}

function inChild(part: string): unknown {
  process.stderr.write(`native-xgboost: ${part}\n`);
  const child = spawnSync(process.execPath, [import.meta.filename, part], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`${part}: ${child.stderr}`);
  return JSON.parse(child.stdout);
}

interface Results {
  readonly training: TrainingTimes;
  readonly latencies: readonly Latency[];
  readonly tickMs: number;
  readonly large: LargeTraining;
  readonly cycles: Cycles;
}

function publish(results: Results): void {
  const { training, latencies, tickMs, large, cycles } = results;
  const verdict = (isMet: boolean): string => (isMet ? 'met' : 'MISSED');
  const growth = (cycles.rssMib.at(-1) ?? Number.NaN) - (cycles.rssMib[4] ?? Number.NaN);
  const oneRow = latencies.find(({ rows, engine }) => rows === 1 && engine === 'auto')?.p99Ms ?? Number.NaN;
  publishSection({
    id: '30-native-xgboost',
    title: 'XGBoost through its C library',
    command: 'make bench BENCH=native-xgboost',
    method:
      'Synthetic rows of 60 features with 2 % missing, depth 6. Training: matrix and rounds on one thread, turn by turn with Python XGBoost 3.2.0 on the same rows, which times itself without its start. Prediction: three quantiles, 80 rounds (240 trees), one thread.',
    tables: [
      {
        caption: 'Against the targets',
        columns: ['what', 'target', 'measured', ''],
        rows: [
          [
            `training CPU time against Python (${training.rows.toLocaleString('en')} rows, ${training.rounds} rounds, median of ${training.ours.length})`,
            '<= 1.1',
            training.cpuRatio.toFixed(3),
            verdict(training.cpuRatio <= 1.1),
          ],
          [
            'the same, wall time',
            '<= 1.1',
            training.wallRatio.toFixed(3),
            verdict(training.wallRatio <= 1.1),
          ],
          ['one row, P99', '< 1 ms', `${oneRow.toFixed(3)} ms`, verdict(oneRow < 1)],
          [
            '5,000 nodes x 4 horizons x CPU and memory',
            '< 1 s',
            `${tickMs.toFixed(0)} ms`,
            verdict(tickMs < 1000),
          ],
          [
            `largest RSS, training on ${large.rows.toLocaleString('en')} rows in batches`,
            '< 2 GiB',
            `${large.maxRssMib.toFixed(0)} MiB`,
            verdict(large.maxRssMib < 2048),
          ],
          [
            `RSS growth over the last half of ${cycles.cycles.toLocaleString('en')} create-train-load-predict-free cycles`,
            'level',
            `${growth} MiB`,
            verdict(growth <= 5),
          ],
        ],
      },
      {
        caption: 'Prediction, milliseconds',
        columns: ['rows', 'engine', 'min', 'median', 'P99'],
        rows: latencies.map(({ rows, engine, minMs, medianMs, p99Ms }) => [
          rows,
          engine,
          minMs.toFixed(3),
          medianMs.toFixed(3),
          p99Ms.toFixed(3),
        ]),
      },
    ],
    notes: [
      `Training took ${(medianOf(training.ours, 'cpuMs') / 1000).toFixed(2)} CPU seconds here and ${(medianOf(training.python, 'cpuMs') / 1000).toFixed(2)} in Python (medians); 5 million rows of ${FEATURE_COUNT} features (3.2 GB) with ${LARGE_ROUNDS} rounds from pages on disk took ${large.seconds.toFixed(0)} s on one thread of a shared machine.`,
      'Both engines give the same bits; the tree walk serves hosts without the library.',
      `RSS after each tenth of the cycles, MiB: ${cycles.rssMib.join(', ')}.`,
    ],
  });
}

/** Each part in its own process: memory is measured alone, and a part can be run by its name. */
const parts: Readonly<Record<string, () => unknown>> = {
  training: () => compareTraining(60_000, 30, 3),
  latencies: () => measureLatencies(trainQuantiles()),
  tickMs: () => measureTick(trainQuantiles()),
  large: trainLarge,
  cycles: () => runCycles(1000),
};

const part = process.argv[2];
if (part === undefined) {
  const entries = Object.keys(parts).map((name) => [name, inChild(name)] as const);
  const results = Object.fromEntries(entries) as unknown as Results;
  process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  publish(results);
} else {
  process.stdout.write(`${JSON.stringify(parts[part]?.(), null, 2)}\n`);
}
