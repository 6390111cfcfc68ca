import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import type { ObservedPod, RawLoadSeries } from '#domain';
import { featureView, replayNodeState, WORKLOAD_CATALOGUE, writeWorkload } from '#features';
import { createRng } from '#kernel/rng';
import { createRedisStore, type FeatureStore } from '#platform/feast';
import { readJson } from '#platform/files';
import { createRedisConnection, type RedisConnection } from '#platform/redis';
import { onlineViewOf } from '#services/features-build';
import { createOnlineFeatures } from '#services/features-online';
import { groupByWorkload } from '#services/features-serve';
import { z } from 'zod';
import { parseEnvelope, ROOT, runCli } from '../cli/run-cli.ts';
import { writeHistory } from '../harness/load-history.ts';
import { redisMissing, startRedis, type LocalRedis } from '../harness/redis.ts';
import { startProcess } from '../harness/processes.ts';

const STEP_MS = 30_000;
const WIDTH = featureView('node_state').features.length;
const now = (): number => Math.floor(Date.now() / STEP_MS) * STEP_MS;

/** A few hours of two machines up to a moment; `shift` lifts the load of the last hours. */
function history(endMs: number, samples: number, shift = 0): RawLoadSeries[] {
  return ['n1', 'n2'].map((machine, seed) => {
    const rng = createRng(seed + 1);
    const ratio = (_: unknown, i: number): number =>
      Math.min(1, Math.max(0, 0.3 + 0.05 * rng.normal() + (i > samples * 0.8 ? shift : 0)));
    return {
      machine,
      timesMs: Float64Array.from({ length: samples }, (_, i) => endMs - (samples - 1 - i) * STEP_MS),
      cpuUsageRatio: Float32Array.from({ length: samples }, ratio),
      memoryUsageRatio: Float32Array.from({ length: samples }, ratio),
    };
  });
}

/** The newest row of a machine, straight from its history. */
function expectedRow(raw: RawLoadSeries | undefined, originMs: number): number[] {
  assert.ok(raw);
  return [...replayNodeState(raw, Float64Array.of(originMs))];
}

describe('built features', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-features-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('pass validation while nothing changes, and end with exit code 3 and a report when the load does', async () => {
    const endMs = now();
    for (const [name, shift] of [
      ['calm', 0],
      ['moved', 0.3],
    ] as const) {
      await writeHistory(join(folder, name), history(endMs, 4000, shift));
      const out = join(folder, `${name}-features`);
      const built = await runCli([
        'features',
        'build',
        '--data',
        join(folder, name),
        '--out',
        out,
        '--step-seconds',
        '60',
        '-o',
        'json',
      ]);
      assert.equal(built.exitCode, 0, built.stderr);
    }
    const calm = await runCli([
      'features',
      'validate',
      '--data',
      join(folder, 'calm-features'),
      '-o',
      'json',
    ]);
    const moved = await runCli([
      'features',
      'validate',
      '--data',
      join(folder, 'moved-features'),
      '-o',
      'json',
    ]);
    const report = parseEnvelope(moved).data as {
      findings: { kind: string; feature: string }[];
      features: unknown[];
    };

    assert.equal(calm.exitCode, 0, calm.stdout.slice(0, 2000));
    assert.equal(moved.exitCode, 3);
    assert.equal(parseEnvelope(moved).status, 'finding');
    assert.ok(report.findings.some(({ kind, feature }) => kind === 'drift' && feature === 'cpu_mean_15m'));
    assert.ok(report.features.length >= WIDTH);
  });

  test('are held against another folder, and against the version that wrote them', async () => {
    const calm = join(folder, 'calm-features');
    const moved = await runCli([
      'features',
      'validate',
      '--data',
      join(folder, 'moved-features'),
      '--reference',
      calm,
      '--hours',
      '5',
    ]);
    assert.equal(moved.exitCode, 3);
    assert.match(moved.stdout, /drift node_state\.cpu_mean_1h/);
    const manifest = await readJson(join(calm, 'features.json'), z.looseObject({}));
    const older = JSON.stringify(manifest).replace(/node_state-[0-9a-f]{8}/, 'node_state-00000000');
    writeFileSync(join(calm, 'features.json'), older);
    const answer = await runCli(['features', 'validate', '--data', calm, '-o', 'json']);
    const { findings } = parseEnvelope(answer).data as { findings: { kind: string }[] };

    assert.equal(answer.exitCode, 3);
    assert.deepEqual(
      findings.map(({ kind }) => kind),
      ['version'],
    );
  });

  test('are refused with the next step where an option makes no sense', async () => {
    const data = join(folder, 'calm');
    const codeOf = async (...args: readonly string[]) =>
      parseEnvelope(await runCli([...args, '-o', 'json'])).error?.code;

    assert.equal(
      await codeOf('features', 'build', '--data', data, '--out', folder, '--views', 'node_stat'),
      'MLS_SERVICES_FEATURE_VIEW',
    );
    assert.equal(
      await codeOf('features', 'build', '--data', data, '--out', folder, '--step-seconds', '45'),
      'MLS_SERVICES_FEATURE_STEP',
    );
    assert.equal(await codeOf('features', 'validate', '--data', join(folder, 'none')), 'MLS_FILES_MISSING');
    assert.equal(
      await codeOf('features', 'compare', '--data', data, '--b', 'all', '--horizons', '7'),
      'MLS_SERVICES_HORIZON',
    );
    assert.equal(await codeOf('features', 'push', '--data', data), 'MLS_SERVICES_NO_STORE');
    assert.equal(
      await codeOf('features', 'push', '--data', data, '--redis', 'redis://127.0.0.1:1'),
      'MLS_REDIS_UNREACHABLE',
    );
  });
});

describe('online features', { skip: redisMissing(), concurrency: false }, () => {
  let folder: string;
  let redis: LocalRedis;
  let connection: RedisConnection;
  let store: FeatureStore;
  const view = onlineViewOf('node_state');

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mlsched-features-online-'));
    redis = await startRedis();
    connection = createRedisConnection({ url: redis.url, timeoutMs: 5000 });
    store = createRedisStore({ connection, project: 'mlsched' });
  });
  after(async () => {
    await connection?.close();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('pushed by the command are the very bits of a replay', async () => {
    const endMs = now();
    const series = history(endMs, 3200);
    await writeHistory(join(folder, 'push'), series);
    const answer = await runCli([
      'features',
      'push',
      '--data',
      join(folder, 'push'),
      '--redis',
      redis.url,
      '-o',
      'json',
    ]);
    assert.equal(answer.exitCode, 0, answer.stdout);
    const read = await store.read({ view, entities: [['n1'], ['n2'], ['n3']], nowMs: Date.now() });

    assert.deepEqual(read.states, ['fresh', 'fresh', 'missing']);
    assert.deepEqual([...read.values.subarray(0, WIDTH)], expectedRow(series[0], endMs));
    assert.deepEqual([...read.values.subarray(WIDTH, 2 * WIDTH)], expectedRow(series[1], endMs));
  });

  test('round by round are those of a replay of all, whatever comes late, early or not at all', async () => {
    const endMs = now();
    const whole = history(endMs, 400);
    const upTo = (ms: number): RawLoadSeries[] =>
      whole.map((raw) => ({ ...raw, timesMs: raw.timesMs.filter((time) => time <= ms) }));
    // A project of its own: the rows of other tests at this moment would not give way to others of the same time.
    const store = createRedisStore({ connection, project: 'rounds' });
    const online = createOnlineFeatures({ store, cluster: 'test' });
    const first = await online.push(upTo(endMs - 20 * STEP_MS), endMs);
    assert.equal(first.nodes, 2);
    assert.ok(Number.isNaN((await online.push(upTo(endMs - 20 * STEP_MS), endMs)).originMs));
    // The second machine is a minute behind: its windows are told as unknown, then come too late.
    const behind = [whole[0] as RawLoadSeries, upTo(endMs - 2 * STEP_MS)[1] as RawLoadSeries];
    await online.push(behind, endMs);
    const last = await online.push(history(endMs + STEP_MS, 401), endMs + 5);
    assert.ok(Number.isNaN(last.originMs), 'a sample of the future was taken in');
    const read = await store.read({ view, entities: [['n1']], nowMs: endMs });

    assert.deepEqual([...read.values], expectedRow(whole[0], endMs));
  });

  test('of workloads are grouped by owner and kept under three keys', async () => {
    const pod = (name: string, ownerName: string, more: Partial<ObservedPod> = {}): ObservedPod => ({
      namespace: 'shop',
      name,
      uid: name,
      nodeName: 'n1',
      phase: 'Running',
      schedulerName: 'default-scheduler',
      owner: { kind: 'Deployment', name: ownerName, uid: ownerName },
      labels: {},
      priorityClass: undefined,
      priority: 0,
      qos: 'burstable',
      cpuRequestMillicores: 250,
      cpuLimitMillicores: 500,
      memoryRequestBytes: 2 ** 28,
      memoryLimitBytes: 0,
      createdAtMs: now() - 3_600_000,
      startedAtMs: now() - 3_590_000,
      ...more,
    });
    const pods = [pod('a', 'web'), pod('b', 'web'), pod('c', 'api', { cpuRequestMillicores: 1000 })];
    const endMs = now();
    await createOnlineFeatures({ store, cluster: 'test', workloads: () => groupByWorkload(pods) }).push(
      history(endMs, 50),
      endMs,
    );
    const expected = new Float32Array(WORKLOAD_CATALOGUE.length);
    writeWorkload({ pods: pods.slice(0, 2) }, endMs, expected, 0);
    const read = await store.read({
      view: onlineViewOf('workload_state'),
      entities: [
        ['shop', 'Deployment', 'web'],
        ['shop', 'Deployment', 'api'],
      ],
      nowMs: endMs,
    });

    assert.deepEqual(read.states, ['fresh', 'fresh']);
    assert.deepEqual([...read.values.subarray(0, WORKLOAD_CATALOGUE.length)], [...expected]);
  });

  test('stay fresh by the service while the store is filled, through an outage of Redis, until it is told to end', async () => {
    const data = join(folder, 'serve');
    const startMs = now();
    await writeHistory(data, history(startMs - 4 * STEP_MS, 200));
    const other = await startRedis();
    const log = join(folder, 'serve.log');
    const command = [
      'features',
      'serve',
      '--data',
      data,
      '--redis',
      other.url,
      '--interval-seconds',
      '1',
      '--port',
      '0',
    ];
    const service = startProcess('features serve', [join(ROOT, 'bin/mlsched'), ...command], log);
    const { readFileSync } = await import('node:fs');
    const until = async <T>(look: () => Promise<T | undefined>): Promise<T> => {
      for (let i = 0; i < 300; i++) {
        const found = await look().catch(() => undefined);
        if (found !== undefined) return found;
        await sleep(200);
      }
      throw new Error(`waited in vain; the log ends: ${readFileSync(log, 'utf8').slice(-2000)}`);
    };
    const port = await until(async () => /"port":(\d+)/.exec(readFileSync(log, 'utf8'))?.[1]);
    const url = `http://127.0.0.1:${port}`;
    const rowAt = (ms: number) =>
      until(async () => {
        const row = (await (await fetch(`${url}/v1/features/node_state/n1`)).json()) as {
          event_timestamp: string;
          version: string;
          features: Record<string, number | null>;
        };
        return Date.parse(row.event_timestamp) === ms ? row : undefined;
      });
    const row = await rowAt(startMs - 4 * STEP_MS);
    assert.equal(row.version, featureView('node_state').version);
    assert.deepEqual(Object.keys(row.features), view.features);
    assert.equal((await fetch(`${url}/v1/features/node_state/nobody`)).status, 404);
    await until(async () => ((await fetch(`${url}/readyz`)).ok ? true : undefined));
    await other.stop();
    await writeHistory(data, history(startMs - 2 * STEP_MS, 202));
    await until(async () =>
      /"level":"WARNING".*MLS_REDIS/.test(readFileSync(log, 'utf8')) ? true : undefined,
    );
    const again = await startRedis([], other.port);
    await writeHistory(data, history(startMs - STEP_MS, 203));
    await rowAt(startMs - STEP_MS);
    assert.match(
      await (await fetch(`${url}/metrics`)).text(),
      /mlsched_features_rows_total\{[^}]*view="node_state"[^}]*\} [1-9]/,
    );
    await service.stop();
    await again.stop();
  });
});
