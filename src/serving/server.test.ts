import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HORIZON_MINUTES } from '#domain';
import { FEATURE_COUNT } from '#features';
import { silentLog } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { createRng } from '#kernel/rng';
import { loadForecaster } from '#models/forecast';
import { ROW_COUNT } from '#models/placement';
import { loadPredictor } from '#native';
import { loadModelFolder } from '#registry';
import { createInferenceServer, serveAnomaly, serveBooster, serveForecast, servePlacement } from './index.ts';
import type { ModelSource, ServedModel } from './index.ts';
import { floats } from './tensor.ts';

const STARTER = join(resolve(import.meta.dirname, '../..'), 'data/starter-models');
const BOOSTER = readFileSync(join(STARTER, 'load-forecast/cpu-15m-median-0.ubj'));

function source(name: string, load: () => ServedModel | Promise<ServedModel>): ModelSource {
  return { name, currentVersion: () => Promise.resolve('1'), load: async () => load() };
}

async function start(t: TestContext, sources: readonly ModelSource[]) {
  const server = await createInferenceServer({
    sources,
    log: silentLog,
    registry: createMetricRegistry('test'),
    serverVersion: '0.0.0',
    refreshSeconds: 3600,
  });
  t.after(() => server.close());
  return server;
}

const starter = async (name: string) => (await loadModelFolder(join(STARTER, name))).artefact;

function inferBody(inputs: object[], more: object = {}): string {
  return JSON.stringify({ inputs, ...more });
}

/** One horizon of a tensor with a row a node. */
function column(data: readonly (number | null)[], at: number): (number | null)[] {
  return data.filter((_, i) => i % HORIZON_MINUTES.length === at);
}

interface Answer {
  readonly outputs: readonly {
    readonly name: string;
    readonly shape: number[];
    readonly data: (number | null)[];
  }[];
  readonly error?: string;
}

test('the forecast answers what the model itself answers, for both resources', async (t) => {
  const artefact = await starter('load-forecast');
  const { app } = await start(t, [source('load-forecast', () => serveForecast(artefact))]);
  const rng = createRng(1);
  const rows = 3;
  const values = Float32Array.from({ length: rows * FEATURE_COUNT }, () => rng.normal());
  const anchors = Float32Array.of(0.3, 0.5, Number.NaN);
  const deviations = Float32Array.of(0.05, 0.1, 0.1);
  const forecaster = loadForecaster(artefact);
  t.after(() => forecaster.free());
  for (const target of ['cpu', 'memory'] as const) {
    const response = await app.inject({
      method: 'POST',
      url: '/v2/models/load-forecast/infer',
      payload: inferBody(
        [
          { name: 'deviation', datatype: 'FP32', shape: [rows], data: [...deviations] },
          { name: 'features', datatype: 'FP32', shape: [rows, FEATURE_COUNT], data: [...values] },
          { name: 'last_value', datatype: 'FP32', shape: [rows], data: [0.3, 0.5, null] },
        ],
        { parameters: { target } },
      ),
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(response.statusCode, 200, response.body);
    const { outputs } = response.json<Answer>();
    const medians = outputs.find(({ name }) => name === 'median');
    assert.deepEqual(medians?.shape, [rows, HORIZON_MINUTES.length]);
    for (const [at, horizon] of HORIZON_MINUTES.entries()) {
      const expected = forecaster.predictRows(target, horizon, { rows, values, anchors, deviations })?.median;
      const plain = Array.from(expected ?? [], (value) => (Number.isNaN(value) ? null : value));
      assert.deepEqual(column(medians?.data ?? [], at), plain);
    }
  }
});

test('placement and node health answer; an unknown value is refused where the model cannot take it', async (t) => {
  const [placement, anomaly] = [await starter('placement'), await starter('node-anomaly')];
  const { app } = await start(t, [
    source('placement', () => servePlacement(placement)),
    source('node-anomaly', () => serveAnomaly(anomaly)),
  ]);
  const post = (url: string, payload: string) => app.inject({ method: 'POST', url, payload });
  const features = { name: 'features', datatype: 'FP32', shape: [2, ROW_COUNT] };
  const zeros = Array.from({ length: 2 * ROW_COUNT }, () => 0);
  const scored = await post('/v2/models/placement/infer', inferBody([{ ...features, data: zeros }]));
  assert.equal(scored.json<Answer>().outputs[0]?.data.length, 2);
  const unknown = await post(
    '/v2/models/placement/infer',
    inferBody([{ ...features, data: [null, ...zeros.slice(1)] }]),
  );
  assert.equal(unknown.statusCode, 400);
  const metadata = (await app.inject('/v2/models/node-anomaly')).json<{ inputs: { shape: number[] }[] }>();
  const width = metadata.inputs[0]?.shape[2] ?? 0;
  const samples = {
    name: 'samples',
    datatype: 'FP32',
    shape: [1, 5, width],
    data: Array(5 * width).fill(0.5),
  };
  const health = (await post('/v2/models/node-anomaly/infer', inferBody([samples]))).json<Answer>();
  assert.deepEqual(
    health.outputs.map(({ name, data }) => [name, data]),
    [
      ['strength', [null]],
      ['health', [null]],
    ],
  );
});

test("errors have the protocol's form and the right status", async (t) => {
  const { app } = await start(t, [
    source('booster', () => serveBooster(BOOSTER)),
    source('broken', () => Promise.reject(new Error('no such file'))),
  ]);
  const row = {
    name: 'input-0',
    datatype: 'FP32',
    shape: [1, FEATURE_COUNT],
    data: Array(FEATURE_COUNT).fill(0),
  };
  const cases: [string, string | undefined, number][] = [
    ['/v2/models/nope/infer', inferBody([row]), 404],
    ['/v2/models/booster/versions/7/infer', inferBody([row]), 404],
    ['/v2/models/broken/infer', inferBody([row]), 503],
    ['/v2/models/booster/infer', inferBody([{ ...row, name: 'other' }]), 400],
    ['/v2/models/booster/infer', inferBody([{ ...row, shape: [1, 3], data: [1, 2, 3] }]), 400],
    ['/v2/models/booster/infer', inferBody([row], { outputs: [{ name: 'nope' }] }), 400],
    ['/v2/models/booster/infer', 'not json', 400],
    ['/v2/models/booster/infer', undefined, 400],
    ['/v1/models/booster:predict', '{"instances":[[1,2]]}', 400],
    ['/v1/models/booster:predict', '{"rows":[]}', 400],
  ];
  for (const [url, payload, status] of cases) {
    const response = await app.inject({ method: 'POST', url, ...(payload === undefined ? {} : { payload }) });
    assert.equal(response.statusCode, status, `${url} ${response.body}`);
    assert.equal(typeof response.json<Answer>().error, 'string');
  }
  const ready = await app.inject('/readyz');
  assert.equal(ready.statusCode, 503);
  assert.match(ready.body, /broken/);
});

test('requests that arrive together are one call, each gets its own rows, and one bad request harms no other', async (t) => {
  const calls: number[] = [];
  const double: ServedModel = {
    platform: 'test',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
    isBatchable: true,
    infer([x]) {
      const data = x?.data as Float32Array;
      calls.push(data.length);
      if (data.includes(-1)) throw new Error('minus one');
      return [
        floats(
          'y',
          data.map((value) => 2 * value),
          [data.length],
        ),
      ];
    },
    free: () => undefined,
  };
  const { app } = await start(t, [source('double', () => double)]);
  const ask = async (data: number[]) => {
    const payload = inferBody([{ name: 'x', datatype: 'FP32', shape: [data.length, 1], data }]);
    const response = await app.inject({ method: 'POST', url: '/v2/models/double/infer', payload });
    return response.statusCode === 200 ? response.json<Answer>().outputs[0]?.data : response.statusCode;
  };
  assert.deepEqual(await Promise.all([ask([1]), ask([2, 3]), ask([4])]), [[2], [4, 6], [8]]);
  assert.ok(calls.length < 3, `calls: ${calls.join()}`);
  assert.deepEqual(await Promise.all([ask([1]), ask([-1]), ask([4])]), [[2], 500, [8]]);
});

test('a moved alias is followed while requests go on; the old version is freed after its last one', async (t) => {
  const log: string[] = [];
  let version = '1';
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const make = (name: string): ServedModel => ({
    platform: 'test',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }],
    outputs: [{ name: 'version', datatype: 'BYTES', shape: [-1] }],
    isBatchable: false,
    async infer() {
      if (name === '1') await held;
      return [{ name: 'version', datatype: 'BYTES', shape: [1], data: [name] }];
    },
    free: () => void log.push(`free ${name}`),
  });
  const server = await start(t, [
    {
      name: 'm',
      currentVersion: () => Promise.resolve(version),
      load: (wanted) => Promise.resolve(make(wanted)),
    },
  ]);
  const ask = async () => {
    const payload = inferBody([{ name: 'x', datatype: 'FP32', shape: [1], data: [0] }]);
    return (await server.app.inject({ method: 'POST', url: '/v2/models/m/infer', payload })).json<{
      model_version: string;
      outputs: { data: string[] }[];
    }>();
  };
  const old = ask();
  await sleep(20);
  version = '2';
  await server.repository.refresh();
  assert.equal((await ask()).outputs[0]?.data[0], '2');
  assert.deepEqual(log, []);
  release();
  assert.equal((await old).model_version, '1');
  assert.deepEqual(log, ['free 1']);
  const metrics = (await server.app.inject('/metrics')).body;
  assert.match(metrics, /mlsched_serving_model_version_info\{model="m",version="2"[^}]*\} 1/);
  assert.doesNotMatch(metrics, /model="m",version="1"/);
});

test('a version that cannot be loaded changes nothing', async (t) => {
  let version = '1';
  const server = await start(t, [
    {
      name: 'booster',
      currentVersion: () => Promise.resolve(version),
      load: (wanted) =>
        wanted === '1' ? Promise.resolve(serveBooster(BOOSTER)) : Promise.reject(new Error('truncated')),
    },
  ]);
  version = '2';
  await server.repository.refresh();
  assert.equal(server.repository.find('booster').version, '1');
});

test('v1 answers the same numbers as v2, and both those of the file', async (t) => {
  const { app } = await start(t, [source('booster', () => serveBooster(BOOSTER))]);
  const rng = createRng(5);
  const rows = Array.from({ length: 4 }, () =>
    Array.from({ length: FEATURE_COUNT }, () => Math.fround(rng.normal())),
  );
  const v1 = await app.inject({
    method: 'POST',
    url: '/v1/models/booster:predict',
    payload: JSON.stringify({ instances: rows }),
  });
  const v2 = await app.inject({
    method: 'POST',
    url: '/v2/models/booster/infer',
    payload: inferBody([{ name: 'input-0', datatype: 'FP32', shape: [4, FEATURE_COUNT], data: rows }]),
  });
  using predictor = loadPredictor(BOOSTER);
  const expected = [...predictor.predict(Float32Array.from(rows.flat()), 4)];
  assert.deepEqual(v1.json<{ predictions: number[] }>().predictions, expected);
  assert.deepEqual(v2.json<Answer>().outputs[0]?.data, expected);
});
