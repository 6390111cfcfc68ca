import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createManualClock } from '#kernel/clock';
import { everyRow, fetchSpan } from '../fetch-span.ts';
import { compactStore, createNodeIdentity, describeStore, openHistoryStore, queryStore } from '../index.ts';
import { collectLive } from '../live.ts';
import type { LiveRound } from '../live.ts';
import { createFakeReader } from '../live-fixture.ts';
import { decodeBatch, encodeBatch } from './day-batch.ts';
import type { DayBatch } from './day-batch.ts';

const folder = await mkdtemp(join(tmpdir(), 'mlsched-store-'));
after(() => rm(folder, { recursive: true, force: true }));

const ORIGIN = { source: 'prometheus', stepSeconds: 30 };
const DAY_MS = 86_400_000;
const STEP_MS = 30_000;
const MINUTE_MS = 60_000;
const day0 = Date.UTC(2026, 0, 5);
let stores = 0;

function freshStore(): string {
  return join(folder, `store-${stores++}`);
}

/** Rows of all nodes in `(fromMs, toMs]`. */
function batchOf(fromMs: number, toMs: number): Promise<DayBatch> {
  const source = { reader: createFakeReader(), identity: createNodeIdentity() };
  return fetchSpan(source, { startMs: fromMs, endMs: toMs, stepMs: STEP_MS }, everyRow);
}

async function rowsOf(store: string): Promise<{ rows: number; keys: number }> {
  const answer = await queryStore(store, 'SELECT count(*), count(DISTINCT (machine, time)) FROM nodes', 1);
  const [rows, keys] = answer.rows[0] ?? [];
  return { rows: Number(rows), keys: Number(keys) };
}

test('a batch comes back from its bytes', async () => {
  const batch = await batchOf(day0, day0 + 5 * MINUTE_MS);
  const back = decodeBatch(encodeBatch(batch));

  assert.deepEqual(back.record, batch.record);
  assert.deepEqual(
    back.tables.nodes.map(({ name, type }) => [name, type]),
    batch.tables.nodes.map(({ name, type }) => [name, type]),
  );
  const time = back.tables.nodes.find(({ name }) => name === 'time');
  assert.deepEqual(
    time,
    batch.tables.nodes.find(({ name }) => name === 'time'),
  );
});

test('live rows are seen at once, and once, before and after they go to Parquet and are joined', async () => {
  const directory = freshStore();
  const store = await openHistoryStore(directory, ORIGIN);
  for (let at = 0; at < 12; at++) {
    await store.appendLive([await batchOf(day0 + at * 5 * MINUTE_MS, day0 + (at + 1) * 5 * MINUTE_MS)]);
    assert.deepEqual(await rowsOf(directory), { rows: (at + 1) * 30, keys: (at + 1) * 30 });
    if (at % 4 === 3) await store.flush();
  }
  assert.equal((await readdir(join(directory, 'nodes'))).length, 3);
  assert.equal(await store.compact(day0 + DAY_MS), 1);
  assert.equal((await readdir(join(directory, 'nodes'))).length, 1);
  assert.deepEqual(await rowsOf(directory), { rows: 360, keys: 360 });
  await store.close();
  assert.equal((await describeStore(directory, day0 + DAY_MS)).rows, 360);
});

test('old days go, whole and with their files', async () => {
  const directory = freshStore();
  const store = await openHistoryStore(directory, ORIGIN);
  for (const day of [0, 1, 2]) {
    await store.addSegment(await batchOf(day0 + day * DAY_MS, day0 + day * DAY_MS + MINUTE_MS));
  }
  await store.close();

  const report = await compactStore(directory, { nowMs: day0 + 3 * DAY_MS, retentionDays: 2 });
  assert.deepEqual(report, { daysJoined: 0, daysDropped: ['2026-01-05'] });
  assert.equal((await readdir(join(directory, 'nodes'))).length, 2);
  assert.equal((await describeStore(directory, day0)).firstDay, '2026-01-06');
});

test('a damaged record is put aside and told; what stood before it is kept', async () => {
  const directory = freshStore();
  const store = await openHistoryStore(directory, ORIGIN);
  for (let at = 0; at < 3; at++) {
    await store.appendLive([await batchOf(day0 + at * MINUTE_MS, day0 + (at + 1) * MINUTE_MS)]);
  }
  await store.close();
  const path = join(directory, 'wal', '00000001.wal');
  const bytes = await readFile(path);
  const second = Math.floor(bytes.length / 2);
  bytes[second] = (bytes[second] as number) ^ 1;
  await writeFile(path, bytes);

  const again = await openHistoryStore(directory, ORIGIN);
  assert.deepEqual(again.damagedFiles, [`${path}.damaged`]);
  assert.equal(again.coveredTo('2026-01-05'), day0 + MINUTE_MS);
  await again.close();
  assert.equal((await rowsOf(directory)).rows, 6);
});

test('a store without its manifest is refused, not taken for an empty one', async () => {
  const directory = freshStore();
  const store = await openHistoryStore(directory, ORIGIN);
  await store.addSegment(await batchOf(day0, day0 + MINUTE_MS));
  await store.close();
  await rm(join(directory, 'history.json'));

  await assert.rejects(openHistoryStore(directory, ORIGIN), { code: 'MLS_COLLECT_STORE_DAMAGED' });
  assert.equal((await readdir(join(directory, 'nodes'))).length, 1);
});

test('two collectors: the second is told who writes', async () => {
  const directory = freshStore();
  const store = await openHistoryStore(directory, ORIGIN, 'collect live');

  await assert.rejects(openHistoryStore(directory, ORIGIN), {
    code: 'MLS_FILES_TAKEN',
    message: /collect live/,
  });
  await store.close();
});

test('a node whose samples come late is filled in, nothing is doubled', async () => {
  const directory = freshStore();
  const store = await openHistoryStore(directory, ORIGIN);
  const clock = createManualClock(day0 + 60 * MINUTE_MS);
  const stop = new AbortController();
  const whole = createFakeReader();
  const cutOffMs = day0 + 70 * MINUTE_MS;
  const deliveredMs = day0 + 130 * MINUTE_MS;
  const rounds: LiveRound[] = [];
  await collectLive({
    store,
    identity: createNodeIdentity(),
    clock,
    signal: stop.signal,
    intervalSeconds: 0.001,
    settleSeconds: 0,
    reader: {
      protocol: 'remote-read',
      // The agent of one node is cut off for an hour and then delivers what it kept.
      async *read(selection) {
        for await (const series of whole.read(selection)) {
          if (series.labels['instance'] !== 'node-b' || clock.nowMs() >= deliveredMs) yield series;
          else {
            const length = series.timesMs.findLastIndex((timeMs) => timeMs < cutOffMs) + 1;
            yield {
              ...series,
              timesMs: series.timesMs.subarray(0, length),
              values: series.values.subarray(0, length),
            };
          }
        }
      },
    },
    onRound(round) {
      rounds.push(round);
      clock.advance(2 * MINUTE_MS);
      if (clock.nowMs() > day0 + 260 * MINUTE_MS) stop.abort();
    },
  });
  const endMs = store.coveredTo('2026-01-05') ?? 0;
  await store.close();

  const { rows } = await queryStore(
    directory,
    'SELECT machine, count(*), count(DISTINCT time) FROM nodes GROUP BY machine ORDER BY machine',
    10,
  );
  const steps = (endMs - day0) / STEP_MS;
  assert.deepEqual(rows, [
    ['node-a', steps, steps],
    ['node-b', steps, steps],
    ['node-c', steps, steps],
  ]);
  const repaired = rounds.reduce(
    (sum, round) => sum + (round.kind === 'collected' ? round.repairedRows : 0),
    0,
  );
  assert.ok(repaired >= 60, `only ${repaired} rows were filled in later`);
});
