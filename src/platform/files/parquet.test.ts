import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { z } from 'zod';
import {
  describeParquet,
  listFiles,
  readJson,
  readParquetColumns,
  sha256,
  sha256File,
  writeJson,
  writeParquet,
} from './index.ts';

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlsched-parquet-'));
});
after(async () => rm(folder, { recursive: true, force: true }));

test('what is written comes back: numbers, times, booleans, text and unknowns', async () => {
  const path = join(folder, "o'dd [name]*.parquet");
  await writeParquet(path, [
    { name: 'machine', type: 'text', values: { codes: Int32Array.of(1, 0, -1), dictionary: ["a'b", 'c'] } },
    { name: 'time', type: 'time', values: Float64Array.of(0, 1_767_571_200_123, NaN) },
    { name: 'load "x"', type: 'float', values: Float32Array.of(0.5, NaN, 1) },
    { name: 'bytes', type: 'int64', values: Float64Array.of(2 ** 40, NaN, 0) },
    { name: 'up', type: 'boolean', values: Uint8Array.of(1, 0, 1) },
  ]);

  const table = await describeParquet(path);
  const data = await readParquetColumns(table, [...table.columns.keys()]);

  assert.deepEqual(
    [...table.columns.values()].map(({ name, kind }) => `${name}:${kind}`),
    ['machine:text', 'time:time', 'load "x":number', 'bytes:number', 'up:boolean'],
  );
  assert.deepEqual(data.texts.get('machine'), { codes: Int32Array.of(1, 0, -1), dictionary: ["a'b", 'c'] });
  assert.deepEqual(data.numbers.get('time'), Float64Array.of(0, 1_767_571_200_123, NaN));
  assert.deepEqual(data.numbers.get('load "x"'), Float64Array.of(0.5, NaN, 1));
  assert.deepEqual(data.numbers.get('bytes'), Float64Array.of(2 ** 40, NaN, 0));
  assert.deepEqual(data.numbers.get('up'), Float64Array.of(1, 0, 1));
});

test('any column of doubles survives a round trip in its order, over chunk borders', async () => {
  const path = join(folder, 'property.parquet');
  await fc.assert(
    fc.asyncProperty(fc.float64Array({ minLength: 1, maxLength: 5000, noNaN: true }), async (values) => {
      await writeParquet(path, [{ name: 'v', type: 'double', values }]);
      const data = await readParquetColumns(await describeParquet(path), ['v']);

      assert.deepEqual(data.numbers.get('v'), values);
    }),
    { numRuns: 25, seed: 1 },
  );
});

test('a column shorter than the first is refused before anything is written', async () => {
  const path = join(folder, 'ragged.parquet');

  await assert.rejects(
    writeParquet(path, [
      { name: 'a', type: 'double', values: Float64Array.of(1, 2) },
      { name: 'b', type: 'double', values: Float64Array.of(1) },
    ]),
    /column b/,
  );
  await assert.rejects(describeParquet(path), { code: 'MLS_FILES_MISSING' });
});

test('empty, truncated and foreign files are named as such', async () => {
  const whole = join(folder, 'whole.parquet');
  await writeParquet(whole, [{ name: 'v', type: 'double', values: new Float64Array(20_000).fill(0.25) }]);
  const bytes = await readFile(whole);
  const cut = join(folder, 'cut.parquet');
  const empty = join(folder, 'empty.parquet');
  const text = join(folder, 'text.parquet');
  await writeFile(cut, bytes);
  await truncate(cut, Math.floor(bytes.length / 2));
  await writeFile(empty, '');
  await writeFile(text, 'machine,time\na,1\n');

  await assert.rejects(describeParquet(cut), { code: 'MLS_FILES_NOT_PARQUET', message: /cut\.parquet/ });
  await assert.rejects(describeParquet(empty), { code: 'MLS_FILES_EMPTY', message: /empty\.parquet/ });
  await assert.rejects(describeParquet(text), { code: 'MLS_FILES_NOT_PARQUET', message: /text\.parquet/ });
  await assert.rejects(describeParquet(join(folder, 'none.parquet')), { code: 'MLS_FILES_MISSING' });
});

test('a damaged page header is found while reading', async () => {
  const path = join(folder, 'damaged.parquet');
  const values = Float64Array.from({ length: 20_000 }, (_, i) => Math.sin(i));
  await writeParquet(path, [{ name: 'v', type: 'double', values }]);
  const bytes = await readFile(path);
  bytes.fill(0xff, 4, 2000);
  await writeFile(path, bytes);
  const table = await describeParquet(path);

  await assert.rejects(readParquetColumns(table, ['v']), { code: 'MLS_FILES_NOT_PARQUET' });
});

test('lists files of one folder by name, without subfolders, hidden and other files', async () => {
  const directory = join(folder, 'list');
  await mkdir(join(directory, 'sub.parquet'), { recursive: true });
  for (const name of ['b.parquet', 'a.parquet', 'notes.txt', '.c.parquet']) {
    await writeFile(join(directory, name), 'x');
  }

  assert.deepEqual(await listFiles(directory, '.parquet'), [
    join(directory, 'a.parquet'),
    join(directory, 'b.parquet'),
  ]);
  await assert.rejects(listFiles(join(folder, 'nowhere'), '.parquet'), { code: 'MLS_FILES_MISSING' });
});

test('JSON is checked on the way in and names the wrong field', async () => {
  const path = join(folder, 'state.json');
  const schema = z.object({ store: z.object({ version: z.number() }) });
  await writeJson(path, { store: { version: 1 } });
  assert.deepEqual(await readJson(path, schema), { store: { version: 1 } });

  await writeJson(path, { store: { version: 'one' } });
  await assert.rejects(readJson(path, schema), { code: 'MLS_FILES_BAD_JSON', message: /store\.version/ });
  await writeFile(path, '{"store":');
  await assert.rejects(readJson(path, schema), { code: 'MLS_FILES_BAD_JSON' });
  await assert.rejects(readJson(join(folder, 'none.json'), schema), { code: 'MLS_FILES_MISSING' });
});

test('SHA-256 of a file equals that of its bytes and the published test vector', async () => {
  const path = join(folder, 'abc');
  await writeFile(path, 'abc');

  assert.equal(await sha256File(path), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(sha256('abc'), await sha256File(path));
  await assert.rejects(sha256File(join(folder, 'none')), { code: 'MLS_FILES_MISSING' });
});
