import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sha256File } from '#platform/files';
import { importTrace, readLoadSeries } from './index.ts';

const TRACE = join(import.meta.dirname, '../../data/sample/smd-nodes');
let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlsched-import-'));
});
after(async () => rm(folder, { recursive: true, force: true }));

async function checksums(store: string): Promise<Map<string, string>> {
  const names = await readdir(join(store, 'nodes'));
  const pairs = names.map(async (name) => [name, await sha256File(join(store, 'nodes', name))] as const);
  return new Map(await Promise.all(pairs));
}

test('a trace comes back from the store value for value, a file a day', async () => {
  const storeDirectory = join(folder, 'whole');
  const report = await importTrace({ traceDirectory: TRACE, storeDirectory });

  const trace = await readLoadSeries(TRACE);
  assert.deepEqual(await readLoadSeries(join(storeDirectory, 'nodes')), trace);
  assert.equal(
    report.rows,
    trace.reduce((sum, { timesMs }) => sum + timesMs.length, 0),
  );
  assert.equal(report.daysWritten, 33);
  assert.deepEqual((await readdir(join(storeDirectory, 'nodes'))).slice(0, 2), [
    '2026-01-05.000001.parquet',
    '2026-01-06.000002.parquet',
  ]);
});

test('a second run writes nothing; a lost day is written again, the same to the bit', async () => {
  const storeDirectory = join(folder, 'again');
  await importTrace({ traceDirectory: TRACE, storeDirectory });
  const before = await checksums(storeDirectory);
  const [sixth = ''] = [...before.keys()].filter((name) => name.startsWith('2026-01-10'));

  assert.equal((await importTrace({ traceDirectory: TRACE, storeDirectory })).daysWritten, 0);
  await unlink(join(storeDirectory, 'nodes', sixth));
  assert.equal((await importTrace({ traceDirectory: TRACE, storeDirectory })).daysWritten, 1);
  const hashes = [...(await checksums(storeDirectory)).values()];
  assert.deepEqual(hashes.sort(), [...before.values()].sort());
});

test('an import that stops in the middle goes on from there', async () => {
  const storeDirectory = join(folder, 'stopped');
  const stop = new Error('stopped');
  const progress = {
    report: (done: number) => {
      if (done === 10) throw stop;
    },
  };

  await assert.rejects(importTrace({ traceDirectory: TRACE, storeDirectory, progress }), stop);
  const report = await importTrace({ traceDirectory: TRACE, storeDirectory });

  assert.deepEqual([report.daysKept, report.daysWritten], [10, 23]);
  assert.deepEqual(await readLoadSeries(join(storeDirectory, 'nodes')), await readLoadSeries(TRACE));
});

test('a store never mixes two traces', async () => {
  const storeDirectory = join(folder, 'taken');
  const other = join(folder, 'other-trace');
  await cp(TRACE, other, { recursive: true });
  await unlink(join(other, 'machine-1-2.parquet'));
  await importTrace({ traceDirectory: other, storeDirectory });

  await assert.rejects(importTrace({ traceDirectory: TRACE, storeDirectory }), {
    code: 'MLS_COLLECT_STORE_TAKEN',
    kind: 'conflict',
  });
});
