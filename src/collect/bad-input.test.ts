import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { writeParquet } from '#platform/files';
import type { WriteColumn } from '#platform/files';
import { readAnomalyMachines, readLoadHistory, readLoadSeries, readPlacementData } from './index.ts';

const START_MS = Date.UTC(2026, 0, 5);
const ROWS = 300;
let root = '';

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'mlsched-bad-'));
});
after(async () => rm(root, { recursive: true, force: true }));

/** Columns of a sound load file with single columns replaced, added or (undefined) left out. */
function loadColumns(change: Record<string, WriteColumn | undefined> = {}): WriteColumn[] {
  const sound: Record<string, WriteColumn> = {
    machine: text('machine', ['node-1'], ROWS),
    time: { name: 'time', type: 'time', values: minutes() },
    cpu_usage_ratio: numbers('cpu_usage_ratio', ratios()),
    memory_usage_ratio: numbers('memory_usage_ratio', ratios()),
  };
  return Object.values({ ...sound, ...change }).filter((column) => column !== undefined);
}

function text(
  name: string,
  dictionary: readonly string[],
  rows: number,
  codeOf = (_row: number) => 0,
): WriteColumn {
  return {
    name,
    type: 'text',
    values: { dictionary, codes: Int32Array.from({ length: rows }, (_, i) => codeOf(i)) },
  };
}

function numbers(name: string, values: Float64Array): WriteColumn {
  return { name, type: 'double', values };
}

function minutes(): Float64Array {
  return Float64Array.from({ length: ROWS }, (_, i) => START_MS + i * 60_000);
}

function ratios(): Float64Array {
  return Float64Array.from({ length: ROWS }, (_, i) => 0.5 + 0.3 * Math.sin(i));
}

/** Ratios with single rows replaced. */
function ratiosWith(changes: Record<number, number>): Float64Array {
  const values = ratios();
  for (const [row, value] of Object.entries(changes)) values[Number(row)] = value;
  return values;
}

let folders = 0;
async function folderWith(files: Record<string, readonly WriteColumn[]>): Promise<string> {
  const folder = join(root, `case-${folders++}`);
  await mkdir(folder);
  for (const [name, columns] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeParquet(path, columns);
  }
  return folder;
}

const CPU = 'cpu_usage_ratio';
const MEMORY = 'memory_usage_ratio';

for (const { name, columns, code, says } of [
  {
    name: 'a missing column',
    columns: loadColumns({ [CPU]: undefined }),
    code: 'MLS_COLLECT_COLUMN_MISSING',
    says: [/x\.parquet/, /cpu_usage_ratio/],
  },
  {
    name: 'a renamed time column',
    columns: loadColumns({ time: { name: 'timestamp', type: 'time', values: minutes() } }),
    code: 'MLS_COLLECT_COLUMN_MISSING',
    says: [/no column time/],
  },
  {
    name: 'text where a ratio belongs',
    columns: loadColumns({ [CPU]: text(CPU, ['0.5'], ROWS) }),
    code: 'MLS_COLLECT_COLUMN_TYPE',
    says: [/cpu_usage_ratio/, /VARCHAR/, /a number/],
  },
  {
    name: 'seconds instead of a timestamp',
    columns: loadColumns({ time: { name: 'time', type: 'int64', values: minutes() } }),
    code: 'MLS_COLLECT_COLUMN_TYPE',
    says: [/column time/, /BIGINT/, /a timestamp/],
  },
  {
    name: 'a negative usage',
    columns: loadColumns({ [CPU]: numbers(CPU, ratiosWith({ 7: -0.25, 9: -1 })) }),
    code: 'MLS_COLLECT_OUT_OF_RANGE',
    says: [/cpu_usage_ratio/, /-0\.25/, /row 7\b/],
  },
  {
    name: 'one usage above 100 percent',
    columns: loadColumns({ [MEMORY]: numbers(MEMORY, ratiosWith({ 11: 1.7 })) }),
    code: 'MLS_COLLECT_OUT_OF_RANGE',
    says: [/memory_usage_ratio/, /1\.7/, /row 11\b/],
  },
  {
    name: 'an infinite usage',
    columns: loadColumns({ [CPU]: numbers(CPU, ratiosWith({ 3: Infinity })) }),
    code: 'MLS_COLLECT_OUT_OF_RANGE',
    says: [/Infinity/, /row 3\b/],
  },
  {
    name: 'percent instead of ratios',
    columns: loadColumns({
      [CPU]: numbers(
        CPU,
        ratios().map((value) => value * 100),
      ),
    }),
    code: 'MLS_COLLECT_WRONG_UNITS',
    says: [/cpu_usage_ratio/, /row 0\b/],
  },
  {
    name: 'bytes instead of ratios',
    columns: loadColumns({
      [MEMORY]: numbers(
        MEMORY,
        ratios().map((value) => value * 2 ** 34),
      ),
    }),
    code: 'MLS_COLLECT_WRONG_UNITS',
    says: [/memory_usage_ratio/],
  },
  {
    name: 'a missing time',
    columns: loadColumns({
      time: { name: 'time', type: 'time', values: minutes().map((time, i) => (i === 5 ? NaN : time)) },
    }),
    code: 'MLS_COLLECT_VALUE_MISSING',
    says: [/column time/, /row 5\b/],
  },
  {
    name: 'a missing machine',
    columns: loadColumns({ machine: text('machine', ['node-1'], ROWS, (i) => (i === 6 ? -1 : 0)) }),
    code: 'MLS_COLLECT_VALUE_MISSING',
    says: [/column machine/, /row 6\b/],
  },
  {
    name: 'two values for one time',
    columns: loadColumns({
      time: {
        name: 'time',
        type: 'time',
        values: minutes().map((time, i) => (i === 9 ? time - 60_000 : time)),
      },
    }),
    code: 'MLS_COLLECT_CONFLICTING_DUPLICATE',
    says: [/node-1/, /cpu_usage_ratio/, /row 9\b/],
  },
  {
    name: 'mostly unknown usage',
    columns: loadColumns({
      [CPU]: numbers(
        CPU,
        ratios().map((value, i) => (i < 200 ? NaN : value)),
      ),
    }),
    code: 'MLS_COLLECT_TOO_MANY_UNKNOWN',
    says: [/node-1/, /66\.7 %/, /cpu_usage_ratio/, /row 0\b/],
  },
  {
    name: 'a file without a row',
    columns: loadColumns().map((column): WriteColumn => {
      return column.type === 'text'
        ? { ...column, values: { ...column.values, codes: new Int32Array() } }
        : { ...column, values: new Float64Array() };
    }),
    code: 'MLS_COLLECT_NO_ROWS',
    says: [/x\.parquet/],
  },
]) {
  test(`load: ${name} is refused by name`, async () => {
    const folder = await folderWith({ 'x.parquet': columns });

    await assert.rejects(readLoadSeries(folder), (error: Error & { code: string; hint: string }) => {
      assert.equal(error.code, code);
      for (const pattern of says) assert.match(error.message, pattern);
      assert.ok(error.hint.length > 10);
      return true;
    });
  });
}

test('load: the hint for percent says what to divide by', async () => {
  const columns = loadColumns({
    [CPU]: numbers(
      CPU,
      ratios().map((value) => value * 100),
    ),
  });

  await assert.rejects(readLoadSeries(await folderWith({ 'x.parquet': columns })), {
    hint: /divide them by 100/,
  });
});

test('load: truncated, empty and foreign files are named', async () => {
  const folder = await folderWith({ 'x.parquet': loadColumns() });
  const path = join(folder, 'x.parquet');
  await truncate(path, Math.floor((await stat(path)).size / 2));
  await assert.rejects(readLoadSeries(folder), { code: 'MLS_FILES_NOT_PARQUET', message: /x\.parquet/ });

  await truncate(path, 0);
  await assert.rejects(readLoadSeries(folder), { code: 'MLS_FILES_EMPTY', message: /x\.parquet/ });

  await writeFile(path, 'not a table');
  await assert.rejects(readLoadSeries(folder), { code: 'MLS_FILES_NOT_PARQUET', message: /x\.parquet/ });
});

test('load: a folder that is missing or holds no Parquet is named', async () => {
  const folder = await folderWith({ 'inner/x.parquet': loadColumns() });

  await assert.rejects(readLoadSeries(join(root, 'nowhere')), {
    code: 'MLS_FILES_MISSING',
    message: /nowhere/,
  });
  await assert.rejects(readLoadSeries(folder), { code: 'MLS_COLLECT_NO_PARQUET' });
});

test('load: unsorted rows and equal repeats are put right and listed', async () => {
  const order = Array.from({ length: ROWS }, (_, i) => (i === 20 ? 21 : i === 21 ? 20 : i === 30 ? 29 : i));
  const pick = (values: Float64Array): Float64Array => Float64Array.from(order, (i) => values[i] ?? NaN);
  const folder = await folderWith({
    'x.parquet': loadColumns({
      time: { name: 'time', type: 'time', values: pick(minutes()) },
      [CPU]: numbers(CPU, pick(ratios())),
      [MEMORY]: numbers(MEMORY, pick(ratios())),
    }),
  });

  const { series, findings } = await readLoadHistory(folder);

  assert.deepEqual(
    findings.map(({ kind, rows }) => [kind, rows]),
    [
      ['unsorted-times', 1],
      ['repeated-times', 1],
    ],
  );
  const [one] = series;
  assert.equal(one?.timesMs.length, ROWS - 1);
  assert.ok(one?.timesMs.every((time, i) => i === 0 || time > (one.timesMs[i - 1] ?? 0)));
  assert.equal(one?.cpuUsageRatio[20], Math.fround(ratios()[20] ?? NaN));
});

test('load: rounding noise above 1 is cut, null and NaN stay unknown', async () => {
  const cpu = ratiosWith({ 1: 1.00005, 2: NaN });
  const folder = await folderWith({ 'x.parquet': loadColumns({ [CPU]: numbers(CPU, cpu) }) });

  const [series] = await readLoadSeries(folder);

  assert.equal(series?.cpuUsageRatio[1], 1);
  assert.ok(Number.isNaN(series?.cpuUsageRatio[2]));
});

test('load: machines split over files are joined, extra columns and files are ignored', async () => {
  const half = ROWS / 2;
  const part = (from: number): WriteColumn[] =>
    loadColumns({ rack: text('rack', ['r1'], ROWS) }).map((column): WriteColumn => {
      return column.type === 'text'
        ? { ...column, values: { ...column.values, codes: column.values.codes.slice(from, from + half) } }
        : { ...column, values: column.values.slice(from, from + half) };
    });
  const folder = await folderWith({ 'b.parquet': part(half), 'a.parquet': part(0) });
  await writeFile(join(folder, 'README.txt'), 'notes');

  const series = await readLoadSeries(folder);

  assert.equal(series.length, 1);
  assert.deepEqual(series[0]?.timesMs, minutes());
  assert.deepEqual(series[0]?.memoryUsageRatio, Float32Array.from(ratios()));
});

test('load: machines come sorted by name, memory that no file has is undefined', async () => {
  const columns = loadColumns({
    machine: text('machine', ['node-a', 'node-b'], ROWS, (i) => (i + 1) % 2),
    [MEMORY]: undefined,
  });

  const series = await readLoadSeries(await folderWith({ 'x.parquet': columns }));

  assert.deepEqual(
    series.map(({ machine, memoryUsageRatio }) => [machine, memoryUsageRatio]),
    [
      ['node-a', undefined],
      ['node-b', undefined],
    ],
  );
});

function healthColumns(change: Record<string, WriteColumn | undefined> = {}): WriteColumn[] {
  const half = ROWS / 2;
  const sound: Record<string, WriteColumn> = {
    step: { name: 'step', type: 'int32', values: Float64Array.from({ length: ROWS }, (_, i) => i % half) },
    split: text('split', ['train', 'test'], ROWS, (i) => (i < half ? 0 : 1)),
    label: {
      name: 'label',
      type: 'int8',
      values: Float64Array.from({ length: ROWS }, (_, i) => (i < half ? NaN : i % 50 === 0 ? 1 : 0)),
    },
    m01: numbers('m01', ratios()),
    m00: numbers(
      'm00',
      ratios().map((value) => value * 7),
    ),
  };
  return Object.values({ ...sound, ...change }).filter((column) => column !== undefined);
}

test('health: metrics are ordered by number, rows by step, the companion file is left alone', async () => {
  const folder = await folderWith({
    'm-1.parquet': healthColumns(),
    'interpretation.parquet': [text('machine', ['m-1'], 3)],
  });

  const machines = await readAnomalyMachines(folder);

  assert.deepEqual(
    machines.map(({ machine, metricNames, trainSteps, testSteps }) => ({
      machine,
      metricNames,
      trainSteps,
      testSteps,
    })),
    [{ machine: 'm-1', metricNames: ['m00', 'm01'], trainSteps: 150, testSteps: 150 }],
  );
  assert.equal(machines[0]?.train[2 * 40], Math.fround((ratios()[40] ?? NaN) * 7));
  assert.equal(machines[0]?.test[2 * 10 + 1], Math.fround(ratios()[160] ?? NaN));
  assert.deepEqual([...(machines[0]?.testLabels.slice(0, 2) ?? [])], [1, 0]);
});

for (const { name, columns, code, says } of [
  {
    name: 'no label column',
    columns: healthColumns({ label: undefined }),
    code: 'MLS_COLLECT_COLUMN_MISSING',
    says: /label/,
  },
  {
    name: 'no metric column',
    columns: healthColumns({ m00: undefined, m01: undefined }),
    code: 'MLS_COLLECT_COLUMN_MISSING',
    says: /m00/,
  },
  {
    name: 'a test row without a label',
    columns: healthColumns({
      label: { name: 'label', type: 'int8', values: new Float64Array(ROWS).fill(NaN) },
    }),
    code: 'MLS_COLLECT_VALUE_MISSING',
    says: /label.*row 150\b/,
  },
  {
    name: 'a third split',
    columns: healthColumns({ split: text('split', ['train', 'tune'], ROWS, (i) => (i < 150 ? 0 : 1)) }),
    code: 'MLS_COLLECT_OUT_OF_RANGE',
    says: /split.*tune.*row 150\b/,
  },
  {
    name: 'a repeated step',
    columns: healthColumns({
      step: {
        name: 'step',
        type: 'int32',
        values: Float64Array.from({ length: ROWS }, (_, i) => (i === 8 ? 7 : i % 150)),
      },
    }),
    code: 'MLS_COLLECT_OUT_OF_RANGE',
    says: /step.*row 8\b/,
  },
  {
    name: 'an infinite metric',
    columns: healthColumns({ m01: numbers('m01', ratiosWith({ 12: -Infinity })) }),
    code: 'MLS_COLLECT_OUT_OF_RANGE',
    says: /m01.*row 12\b/,
  },
]) {
  test(`health: ${name} is refused by name`, async () => {
    const folder = await folderWith({ 'm-1.parquet': columns });

    await assert.rejects(readAnomalyMachines(folder), { code, message: says });
  });
}

const SAMPLE = join(import.meta.dirname, '../../data/sample');

/** A placement root of copies of the sample, without the files that `leaveOut` matches. */
async function placementRoot(leaveOut: RegExp): Promise<string> {
  const folder = await folderWith({});
  const files = [
    'google-vms/vms.parquet',
    'azure-arrivals/arrivals.parquet',
    'openb/nodes.parquet',
    'openb/pods-default.parquet',
  ];
  for (const file of files.filter((name) => !leaveOut.test(name))) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await copyFile(join(SAMPLE, file), join(folder, file));
  }
  return folder;
}

for (const { missing, code, says } of [
  { missing: /google/, code: 'MLS_FILES_MISSING', says: /google-vms/ },
  { missing: /azure/, code: 'MLS_FILES_MISSING', says: /azure-arrivals/ },
  { missing: /openb/, code: 'MLS_FILES_MISSING', says: /openb/ },
  { missing: /nodes/, code: 'MLS_FILES_MISSING', says: /nodes\.parquet/ },
  { missing: /pods/, code: 'MLS_COLLECT_NO_POD_FILE', says: /openb/ },
]) {
  test(`placement: a root without ${missing.source} is refused by name`, async () => {
    await assert.rejects(readPlacementData(await placementRoot(missing)), { code, message: says });
  });
}

test('placement: a missing root is named, optional parts are read when there', async () => {
  await assert.rejects(readPlacementData(join(root, 'nowhere')), {
    code: 'MLS_FILES_MISSING',
    message: /nowhere/,
  });

  const folder = await placementRoot(/^$/);
  await mkdir(join(folder, 'planetlab'));
  for (const day of ['1', '2']) {
    await writeParquet(join(folder, 'planetlab', `${day}.parquet`), [
      text('vm', ['a', 'b'], 3, (i) => (i === 2 ? 1 : 0)),
      { name: 'minute', type: 'int32', values: Float64Array.of(0, 5, 1435) },
      numbers('cpu_usage_ratio', Float64Array.of(0.1, 0.2, 0.3)),
    ]);
  }
  const { planetlabVms, nodeLoad } = await readPlacementData(folder);

  assert.equal(nodeLoad, undefined);
  assert.deepEqual(planetlabVms?.names, ['1/a', '1/b', '2/a', '2/b']);
  assert.equal(planetlabVms?.cpuUsageRatio[2 * 288 + 1], Math.fround(0.2));
  assert.equal(planetlabVms?.cpuUsageRatio[4 * 288 - 1], Math.fround(0.3));
  assert.ok(Number.isNaN(planetlabVms?.cpuUsageRatio[2]));
});

test('placement: a minute off the grid is named', async () => {
  const folder = await placementRoot(/google/);
  await mkdir(join(folder, 'google-vms'));
  await writeParquet(join(folder, 'google-vms/vms.parquet'), [
    text('vm', ['a'], 2),
    { name: 'minute', type: 'int32', values: Float64Array.of(0, 7) },
    numbers('cpu_usage_ratio', Float64Array.of(0.1, 0.2)),
    numbers('memory_usage_ratio', Float64Array.of(0.1, 0.2)),
  ]);

  await assert.rejects(readPlacementData(folder), {
    code: 'MLS_COLLECT_OUT_OF_RANGE',
    message: /minute.*7.*row 1\b/,
  });
});
