import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { RawLoadSeries } from '#domain';
import { replayNodeState } from '#features';
import { noProgress } from '#kernel/progress';
import { createRng } from '#kernel/rng';
import { createHttpStore, createRedisStore, type FeatureStore, type OnlineView } from '#platform/feast';
import { writeParquet, type WriteColumn } from '#platform/files';
import { buildFeatures, onlineViewOf } from '#services/features-build';
import { createRedisConnection, type RedisConnection } from '#platform/redis';
import * as layout from '../../src/platform/feast/layout.ts';
import { feastMissing, prepareFeast, type LocalFeast } from '../harness/feast.ts';
import { writeHistory } from '../harness/load-history.ts';
import { testFeatureStore } from '../harness/feature-store-contract.ts';
import { redisMissing, startRedis, type LocalRedis } from '../harness/redis.ts';

const skip = redisMissing() || feastMissing();

const VIEWS: readonly OnlineView[] = [
  onlineViewOf('node_state'),
  onlineViewOf('workload_state'),
  onlineViewOf('cluster_state'),
];
const NAMES = ['knoten-ä', 'n-2'];

/** Rows as `features build` writes them: NaN in the second feature, values that differ by entity and feature. */
function offlineTable(view: OnlineView, eventMs: number): WriteColumn[] {
  const codes = Int32Array.from(NAMES, (_, i) => i);
  return [
    ...view.joinKeys.map((name): WriteColumn => ({
      name,
      type: 'text',
      values: { dictionary: NAMES, codes },
    })),
    { name: 'event_timestamp', type: 'time', values: new Float64Array(NAMES.length).fill(eventMs) },
    ...view.features.map((name, i): WriteColumn => ({
      name,
      type: 'float',
      values: Float32Array.from(NAMES, (_, row) => (i === 1 ? Number.NaN : row * 1000 + i / 4)),
    })),
  ];
}

/** A few hours of two machines, built as a user would. */
async function buildHistory(outDirectory: string, endMs: number): Promise<RawLoadSeries[]> {
  const series = ['built-1', 'built-2'].map((machine, seed): RawLoadSeries => {
    const rng = createRng(seed);
    const ratio = (): number => (rng.next() < 0.05 ? Number.NaN : rng.next());
    return {
      machine,
      timesMs: Float64Array.from({ length: 500 }, (_, i) => endMs - 180_000 - (500 - i) * 30_000),
      cpuUsageRatio: Float32Array.from({ length: 500 }, ratio),
      memoryUsageRatio: Float32Array.from({ length: 500 }, ratio),
    };
  });
  const dataDirectory = join(outDirectory, 'load');
  await writeHistory(dataDirectory, series);
  const views = ['node_state', 'cluster_state'] as const;
  const progress = noProgress;
  await buildFeatures({ dataDirectory, outDirectory, views, stepSeconds: 60, cluster: 'built', progress });
  return series;
}

const KEY_NAMES = [['a'], ['b', 'ä', 'Z', '\u{1F600}', '\uFF21'], ['node']];
/** Prints the bytes that Feast itself makes of keys, fields, times and values. */
const THEIR_BYTES = `
import json
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import _mmh3
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
names = json.loads(${JSON.stringify(JSON.stringify(KEY_NAMES))})
keys = [serialize_entity_key(EntityKey(join_keys=n, entity_values=[Value(string_val=x + "=1") for x in n]), entity_key_serialization_version=3).hex() for n in names]
fields = [_mmh3("v:" + "x" * i).hex() for i in range(40)] + [_mmh3("v:ä\u20ac").hex()]
times = []
for ms in (0, 1, 999, 1000, 1700000000123, 4102444800000):
    t = Timestamp(); t.FromMilliseconds(ms); times.append(t.SerializeToString().hex())
numbers = [v.SerializeToString().hex() for v in (Value(float_val=1.5), Value(double_val=-2.25), Value(int64_val=-7), Value(int32_val=300), Value(bool_val=True), Value(string_val="x"), Value())]
print(json.dumps({"keys": keys, "fields": fields, "times": times, "numbers": numbers}))
`;

describe('Feast and we on one Redis', { skip, concurrency: false }, () => {
  let redis: LocalRedis;
  let feast: LocalFeast;
  let server: { readonly url: string; stop(): Promise<void> };
  let connection: RedisConnection;
  let theirBytes: Promise<unknown>;
  let history: RawLoadSeries[];
  const eventMs = Math.floor(Date.now() / 1000) * 1000 - 60_000;
  const openRedis = (): FeatureStore => createRedisStore({ connection, project: 'mlsched' });
  const openHttp = (): FeatureStore => createHttpStore({ baseUrl: server.url });

  before(async () => {
    redis = await startRedis();
    feast = prepareFeast(redis.port);
    connection = createRedisConnection({ url: redis.url, timeoutMs: 5000 });
    // First: a build takes away what it did not write.
    history = await buildHistory(feast.data, eventMs);
    for (const view of VIEWS)
      await writeParquet(join(feast.data, view.name, 'part.parquet'), offlineTable(view, eventMs));
    await feast.run('apply');
    // Beside the start of the server: both spend their time on imports.
    theirBytes = feast
      .python(THEIR_BYTES)
      .then((printed) => JSON.parse(printed.trim().split('\n').at(-1) ?? ''));
    theirBytes.catch(() => undefined);
    server = await feast.serve();
  });

  after(async () => {
    await server?.stop();
    await connection?.close();
    await redis?.stop();
    feast?.remove();
  });

  test('we read what Feast materialised from the Parquet files that we wrote', async () => {
    const response = await fetch(`${server.url}/materialize`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        start_ts: new Date(eventMs - 3_600_000).toISOString(),
        end_ts: new Date(eventMs + 30_000).toISOString(),
        feature_views: VIEWS.map(({ name }) => name),
      }),
    });
    assert.equal(response.status, 200, await response.text());
    for (const view of VIEWS) {
      const entities = NAMES.map((name) => view.joinKeys.map(() => name));
      const read = await openRedis().read({ view, entities, nowMs: eventMs + 1000 });

      assert.deepEqual(read.states, ['fresh', 'fresh'], view.name);
      assert.deepEqual([...read.eventMs], [eventMs, eventMs]);
      const width = view.features.length;
      for (const [i, value] of read.values.entries()) {
        const expected = i % width === 1 ? Number.NaN : Math.floor(i / width) * 1000 + (i % width) / 4;
        assert.equal(value, expected, `${view.name} ${view.features[i % width]}`);
      }
    }
  });

  test('a built history that Feast materialised is read as the very bits of a replay', async () => {
    const view = VIEWS[0] as OnlineView;
    const lastMs = Math.ceil((history[0]?.timesMs.at(-1) as number) / 60_000) * 60_000;
    const read = await openRedis().read({
      view,
      entities: history.map(({ machine }) => [machine]),
      nowMs: lastMs,
    });
    const expected = history.flatMap((raw) => [...replayNodeState(raw, Float64Array.of(lastMs))]);

    assert.deepEqual([...read.eventMs], [lastMs, lastMs]);
    assert.deepEqual([...read.values], expected);
  });

  test('Feast serves what we wrote, and we read what Feast was pushed', async () => {
    const nowMs = Math.floor(Date.now() / 1000) * 1000;
    for (const view of VIEWS) {
      const entities = ['ours', 'pushed'].map((name) => view.joinKeys.map((key) => `${name}:${key}`));
      const rows = entities.map((_, row) =>
        Float32Array.from(view.features, (_name, i) => (i === 2 ? Number.NaN : row - i / 16)),
      );
      const write = (store: FeatureStore, row: number) =>
        store.write({
          view,
          entities: [entities[row] as string[]],
          eventMs: Float64Array.of(nowMs),
          values: rows[row] as Float32Array,
        });
      await write(openRedis(), 0);
      const http = openHttp();
      await write(http, 1);
      const direct = await openRedis().read({ view, entities, nowMs });
      const served = await http.read({ view, entities, nowMs });
      await http.close();

      assert.deepEqual(direct, served, view.name);
      assert.deepEqual([...direct.values], [...(rows[0] as Float32Array), ...(rows[1] as Float32Array)]);
    }
  });

  test('keys, fields and values are the bytes that Feast makes, for awkward names too', async () => {
    const found = (await theirBytes) as Record<string, string[]>;
    const hex = (bytes: Buffer): string => bytes.toString('hex');
    const moments = [0, 1, 999, 1000, 1_700_000_000_123, 4_102_444_800_000];

    assert.deepEqual(
      found['keys'],
      KEY_NAMES.map((name) =>
        hex(
          layout.entityKey(
            name,
            name.map((key) => `${key}=1`),
            '',
          ),
        ),
      ),
    );
    assert.deepEqual(found['fields'], [
      ...Array.from({ length: 40 }, (_, i) => hex(layout.featureField('v', 'x'.repeat(i)))),
      hex(layout.featureField('v', 'ä€')),
    ]);
    assert.deepEqual(
      found['times'],
      moments.map((ms) => hex(layout.encodeTime(ms))),
    );
    assert.deepEqual(
      (found['times'] ?? []).map((one) => layout.decodeTime(Buffer.from(one, 'hex'))),
      moments,
    );
    assert.deepEqual(
      (found['numbers'] ?? []).map((one) => layout.decodeNumber(Buffer.from(one, 'hex'))),
      [1.5, -2.25, -7, 300, 1, Number.NaN, Number.NaN],
    );
  });

  test('a feature that was never stored for an entity is unknown, the others are there', async () => {
    const view = VIEWS[0] as OnlineView;
    const narrow = { ...view, features: view.features.slice(0, 3) };
    const nowMs = Date.now();
    const entities = [['narrow']];
    const values = Float32Array.of(0.1, 0.2, 0.3);
    await openRedis().write({ view: narrow, entities, eventMs: Float64Array.of(nowMs), values });
    const http = openHttp();
    for (const store of [openRedis(), http]) {
      const read = await store.read({ view, features: view.features.slice(1, 5), entities, nowMs });
      assert.deepEqual(
        [...read.values],
        [Math.fround(0.2), Math.fround(0.3), Number.NaN, Number.NaN],
        store.mode,
      );
    }
    await http.close();
  });

  testFeatureStore('redis', openRedis, VIEWS);
  testFeatureStore('http', openHttp, VIEWS);

  test('a server that is gone, and an answer in another form, are typed errors', async () => {
    const view = VIEWS[0] as OnlineView;
    const request = { view, entities: [['n']], nowMs: 0 };
    const gone = createHttpStore({ baseUrl: 'http://127.0.0.1:9', attempts: 1 });
    await assert.rejects(gone.read(request), { code: 'MLS_HTTP_UNREACHABLE', kind: 'unavailable' });
    const stranger = { ...view, name: 'no_such_view' };
    await assert.rejects(
      createHttpStore({ baseUrl: server.url, attempts: 1 }).read({ ...request, view: stranger }),
    );
  });
});
