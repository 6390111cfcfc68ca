import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  assessQuality,
  collectHistory,
  collectLive,
  createNodeIdentity,
  openHistoryStore,
  probeCatalogue,
  readLoadSeries,
} from '#collect';
import { createManualClock } from '#kernel/clock';
import { createRng } from '#kernel/rng';
import { sha256File } from '#platform/files';
import { createQueryReader, createRemoteReader } from '#platform/prometheus';
import { prometheusMissing, startPrometheus } from '../harness/prometheus.ts';
import type { BackfillMetric, LocalPrometheus } from '../harness/prometheus.ts';

const DAY_MS = 86_400_000;
const STEP_MS = 30_000;
const DAYS = 3;
const KILLS = 5;
const WORKER = join(import.meta.dirname, '../../src/collect/history.worker.ts');
const MEMORY_BYTES = 2 ** 34;

const endMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const startMs = endMs - DAYS * DAY_MS;

/** Share of time that core `core` works in step `i`: what the store must give back, averaged over cores. */
function busyRatio(core: number, i: number): number {
  return 0.5 + 0.3 * Math.sin(i / 200 + core);
}

function idleSeconds(core: number): readonly (readonly [number, number])[] {
  const samples: [number, number][] = [];
  let total = 0;
  for (let i = 0; i <= (endMs - startMs) / STEP_MS; i++) {
    if (i > 0) total += (1 - busyRatio(core, i)) * (STEP_MS / 1000);
    samples.push([startMs + i * STEP_MS, total]);
  }
  return samples;
}

function available(i: number): number {
  return MEMORY_BYTES * (0.4 + 0.1 * Math.cos(i / 100));
}

/** Gauge samples; node 2 is silent for two hours of the second day. */
function gauge(node: number, valueAt: (i: number) => number): (readonly [number, number])[] {
  const indices = Array.from({ length: (endMs - startMs) / STEP_MS + 1 }, (_, i) => i);
  return indices
    .filter((i) => node !== 2 || i < 4000 || i >= 4240)
    .map((i) => [startMs + i * STEP_MS, valueAt(i)] as const);
}

const nodes = [1, 2];
const history: readonly BackfillMetric[] = [
  {
    name: 'node_cpu_seconds_total',
    type: 'counter',
    series: nodes.flatMap((node) =>
      [0, 1].map((core) => ({
        labels: { instance: `10.0.0.${node}:9100`, cpu: String(core), mode: 'idle' },
        samples: idleSeconds(core).filter((_, i) => node !== 2 || i < 4000 || i >= 4240),
      })),
    ),
  },
  {
    name: 'node_memory_MemAvailable_bytes',
    type: 'gauge',
    series: nodes.map((node) => ({
      labels: { instance: `10.0.0.${node}:9100` },
      samples: gauge(node, available),
    })),
  },
  {
    name: 'node_memory_MemTotal_bytes',
    type: 'gauge',
    series: nodes.map((node) => ({
      labels: { instance: `10.0.0.${node}:9100` },
      samples: gauge(node, () => MEMORY_BYTES),
    })),
  },
  {
    name: 'kubelet_running_pods',
    type: 'gauge',
    series: [{ labels: { node: 'stranger', instance: '10.9.9.9:10250' }, samples: gauge(1, () => 7) }],
  },
];

const identity = createNodeIdentity({ staticNames: { '10.0.0.1': 'worker-1', '10.0.0.2': 'worker-2' } });

describe('history from a real Prometheus', { skip: prometheusMissing() }, () => {
  let folder = '';
  let server: LocalPrometheus;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlsched-history-'));
    server = await startPrometheus(join(folder, 'prometheus'), history);
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('the store gives back the load that the counters stand for, gaps as absent rows', async () => {
    const storeDirectory = join(folder, 'store');
    const reader = createRemoteReader({ url: server.url });
    const report = await collectHistory({ reader, identity, storeDirectory, startMs, endMs });

    const series = await readLoadSeries(join(storeDirectory, 'nodes'));
    assert.deepEqual(
      series.map(({ machine, timesMs }) => [machine, timesMs.length]),
      [
        ['worker-1', (endMs - startMs) / STEP_MS],
        // One more than the silence: the first rate after it would span the hole.
        ['worker-2', (endMs - startMs) / STEP_MS - 240],
      ],
    );
    for (const { timesMs, cpuUsageRatio, memoryUsageRatio } of series) {
      for (let row = 0; row < timesMs.length; row++) {
        const i = ((timesMs[row] ?? 0) - startMs) / STEP_MS;
        const memory = 1 - available(i) / MEMORY_BYTES;
        const cpu = cpuUsageRatio[row] ?? NaN;
        assert.ok(Math.abs((memoryUsageRatio?.[row] ?? NaN) - memory) < 1e-6);
        assert.ok(Number.isNaN(cpu) || Math.abs(cpu - (busyRatio(0, i) + busyRatio(1, i)) / 2) < 1e-4);
      }
    }
    assert.equal(series[1]?.cpuUsageRatio.filter((value) => Number.isNaN(value)).length, 1);
    assert.equal(assessQuality(series).failingMachines.length, 0);
    assert.equal(report.daysFetched, DAYS);
    assert.ok(report.absentColumns.includes('pods_pending'));
    assert.ok(!report.absentColumns.includes('cpu_usage_ratio'));
    assert.deepEqual(Object.values(report.days)[0]?.nodesWithoutCpu, ['stranger']);
  });

  test('a second run fetches nothing; a longer one only what is new', async () => {
    const storeDirectory = join(folder, 'again');
    const reader = createRemoteReader({ url: server.url });
    const first = { reader, identity, storeDirectory, startMs, endMs: endMs - DAY_MS / 2 };
    await collectHistory(first);
    const path = join(
      storeDirectory,
      'nodes',
      `${new Date(startMs).toISOString().slice(0, 10)}.000001.parquet`,
    );
    const checksum = await sha256File(path);

    assert.equal((await collectHistory(first)).daysFetched, 0);
    const longer = await collectHistory({ ...first, endMs });
    assert.equal(longer.daysFetched, 1);
    assert.equal(longer.daysKept, DAYS - 1);
    assert.equal(await sha256File(path), checksum);
  });

  test('grown in odd pieces, the store holds what one run would have fetched', async () => {
    const pieces = join(folder, 'pieces');
    const whole = join(folder, 'in-one');
    const reader = createRemoteReader({ url: server.url });
    for (const hours of [0.5, 7.01, 7.02, 24, 33.3, 33.5, 72]) {
      await collectHistory({
        reader,
        identity,
        storeDirectory: pieces,
        startMs,
        endMs: startMs + hours * 3_600_000,
      });
    }
    await collectHistory({ reader, identity, storeDirectory: whole, startMs, endMs });

    assert.deepEqual(await readLoadSeries(join(pieces, 'nodes')), await readLoadSeries(join(whole, 'nodes')));
  });

  test('live collection waits out an outage and back-fills it without a lost or doubled row', async () => {
    const storeDirectory = join(folder, 'live');
    const clock = createManualClock(startMs + 3_600_000);
    const stop = new AbortController();
    const rounds: string[] = [];
    const remote = createRemoteReader({ url: server.url });
    const dead = createRemoteReader({ url: 'http://127.0.0.1:9', attempts: 1 });
    const store = await openHistoryStore(storeDirectory, { source: 'prometheus', stepSeconds: 30 });
    await collectLive({
      store,
      reader: { protocol: 'remote-read', read: (span) => (rounds.length === 2 ? dead : remote).read(span) },
      identity,
      clock,
      signal: stop.signal,
      intervalSeconds: 0.01,
      settleSeconds: 0,
      onRound: (round) => {
        rounds.push(round.kind === 'waiting' ? round.error.code : round.kind);
        clock.advance(rounds.length === 3 ? 5 * 3_600_000 : 60_000);
        if (rounds.length === 6) stop.abort();
      },
    });

    await store.close();

    assert.deepEqual(rounds, [
      'collected',
      'collected',
      'MLS_PROMETHEUS_UNREACHABLE',
      'collected',
      'collected',
      'collected',
    ]);
    const [first] = await readLoadSeries(join(storeDirectory, 'nodes'));
    const lastMs = startMs + 6 * 3_600_000 + 4 * 60_000;
    assert.deepEqual(
      [...(first?.timesMs ?? [])],
      Array.from({ length: (lastMs - startMs) / STEP_MS }, (_, i) => startMs + (i + 1) * STEP_MS),
    );
  });

  test('remote read and queries fill the store with the same bytes', async () => {
    const stores = await Promise.all(
      [createRemoteReader, createQueryReader].map(async (create, i) => {
        const storeDirectory = join(folder, `protocol-${i}`);
        await collectHistory({
          reader: create({ url: server.url }),
          identity,
          storeDirectory,
          startMs,
          endMs,
        });
        return contentOf(storeDirectory);
      }),
    );

    // A file a day, the manifest and the lock: the source has nothing about the cluster as a whole.
    assert.equal(stores[0]?.length, DAYS + 2);
    assert.deepEqual(stores[0], stores[1]);
  });

  test(`killed ${KILLS} times at random moments, the next run ends with the same rows`, async () => {
    const expected = join(folder, 'unbroken');
    const reader = createRemoteReader({ url: server.url });
    await collectHistory({
      reader,
      identity: createNodeIdentity(),
      storeDirectory: expected,
      startMs,
      endMs,
    });
    const rng = createRng(7);
    // Machines differ: the moments lie within what an undisturbed run takes here.
    const startedMs = performance.now();
    assert.equal(await runAndKill(server.url, join(folder, 'timed'), undefined), false);
    const durationMs = performance.now() - startedMs;
    let killed = 0;
    for (let round = 0; killed < KILLS && round < 4 * KILLS; round++) {
      const store = join(folder, `killed-${round}`);
      if (!(await runAndKill(server.url, store, 0.7 * rng.next() * durationMs))) continue;
      killed++;
      assert.equal(await runAndKill(server.url, store, undefined), false);
      const loads = [store, expected].map((directory) => readLoadSeries(join(directory, 'nodes')));
      const [resumed, unbroken] = await Promise.all(loads);
      assert.deepEqual(resumed, unbroken);
    }

    assert.ok(killed >= KILLS / 2, `only ${killed} runs were caught alive`);
  });

  test('the probe tells which metrics are there, how many series, and what the others cost', async () => {
    const found = await probeCatalogue(createRemoteReader({ url: server.url }), endMs);
    const seriesOf = new Map(found.map(({ metric, series }) => [metric.column, series]));

    assert.equal(found.length, 18);
    assert.equal(seriesOf.get('cpu_usage_ratio'), 4);
    assert.equal(seriesOf.get('memory_available_bytes'), 2);
    assert.equal(seriesOf.get('pods_running'), 1);
    assert.equal(found.filter(({ series }) => series > 0).length, 4);
    for (const { metric, series, newestMs } of found) {
      assert.equal(Number.isNaN(newestMs), series === 0);
      assert.ok(metric.ifAbsent.length > 10);
    }
  });

  test('a source without any node is an error, not an empty success', async () => {
    const reader = createRemoteReader({ url: server.url });
    const span = { startMs: startMs - 40 * DAY_MS, endMs: startMs - 39 * DAY_MS };

    await assert.rejects(
      collectHistory({ reader, identity, storeDirectory: join(folder, 'empty'), ...span }),
      {
        code: 'MLS_COLLECT_NO_HISTORY',
        hint: /retention/,
      },
    );
  });
});

/** True when the run was killed before its end. */
async function runAndKill(url: string, store: string, delayMs: number | undefined): Promise<boolean> {
  const child = spawn(process.execPath, [WORKER, url, store, String(startMs), String(endMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const closed = new Promise((resolve) => child.once('close', resolve));
  const started = new Promise<void>((resolve) => {
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString();
      resolve();
    });
  });
  if (delayMs !== undefined) {
    await Promise.race([started, closed]);
    await sleep(delayMs);
    child.kill('SIGKILL');
  }
  await closed;
  return !output.endsWith('done');
}

async function contentOf(store: string): Promise<string[]> {
  const names = (await readdir(store, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  );
  const lines = names.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return `${path.slice(store.length + 1)} ${await sha256File(path)}`;
  });
  return (await Promise.all(lines)).sort();
}
