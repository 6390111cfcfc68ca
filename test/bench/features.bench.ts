/**
 * CPU time to compute features over a month of 50 nodes at 30 s, and latency of online features of 1,000 nodes: Redis
 * read directly beside Feast's feature server on the same Redis, in turn, in one run. Writes its sections of
 * docs/reference/benchmarks.md. Needs redis-server and Feast's Python environment.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import type { RawLoadSeries } from '#domain';
import {
  createFeatureWriter,
  FEATURE_COUNT,
  NODE_STATE_CATALOGUE,
  phasedSeries,
  replayNodeState,
  replayRows,
} from '#features';
import { createRng } from '#kernel/rng';
import { quantile } from '#kernel/stats';
import { createHttpStore, createRedisStore, type FeatureStore } from '#platform/feast';
import { createRedisConnection } from '#platform/redis';
import { onlineViewOf } from '#services/features-build';
import { prepareFeast } from '../harness/feast.ts';
import { startRedis } from '../harness/redis.ts';
import { publishSection } from './publish.ts';

const NODES = 50;
const SAMPLES = 86_400;
const STEP_MS = 30_000;
const START_MS = Date.UTC(2026, 0, 1);
const BAR_CPU_SECONDS = 5;
const BAR_P95_MS = 50;
const BAR_RATIO = 5;
const ONLINE_NODES = 1000;
const ROUNDS = 60;
const WARM_UP = 5;
/** The server is asked in each such round only: its calls take seconds. */
const SERVED_EVERY = 6;

const verdict = (isMet: boolean): string => (isMet ? 'met' : 'MISSED');

/** A month of one node: a daily wave, a random walk and gaps, so that no branch is always taken. */
function monthOf(seed: number): RawLoadSeries {
  const rng = createRng(seed);
  const cpu = new Float32Array(SAMPLES);
  const memory = new Float32Array(SAMPLES);
  let walk = 0;
  for (let i = 0; i < SAMPLES; i++) {
    walk = 0.999 * walk + 0.004 * rng.normal();
    cpu[i] = Math.min(1, Math.max(0, 0.4 + 0.2 * Math.sin(i / 458) + walk + 0.02 * rng.normal()));
    memory[i] = rng.next() < 0.001 ? Number.NaN : Math.min(1, Math.max(0, 0.6 + walk));
  }
  const timesMs = Float64Array.from({ length: SAMPLES }, (_, i) => START_MS + i * STEP_MS);
  return { machine: `n${seed}`, timesMs, cpuUsageRatio: cpu, memoryUsageRatio: memory };
}

function cpuSeconds(run: () => void): number {
  const began = process.cpuUsage();
  run();
  const used = process.cpuUsage(began);
  return (used.user + used.system) / 1e6;
}

function benchOffline(): void {
  const months = Array.from({ length: NODES }, (_, seed) => monthOf(seed));
  replayNodeState(monthOf(99), (months[0] as RawLoadSeries).timesMs.slice(0, 5000));
  let state = 0;
  let forecast = 0;
  let forecastRows = 0;
  const writer = createFeatureWriter();
  for (const [i, raw] of months.entries()) {
    state += cpuSeconds(() => replayNodeState(raw, raw.timesMs));
    // The forecast's row costs more; a tenth of the nodes tells.
    if (i % 10 !== 0) continue;
    const grid = phasedSeries(raw, 0);
    const originsMs = Float64Array.from({ length: grid.length }, (_, at) => grid.startMs + at * 300_000);
    forecast += cpuSeconds(() => replayRows({ raw, target: 'cpu', originsMs }, writer));
    forecastRows += originsMs.length;
  }
  const rows = NODES * SAMPLES;
  const width = NODE_STATE_CATALOGUE.length;
  publishSection({
    id: '60-features-offline',
    title: 'Features over a month',
    command: 'make bench BENCH=features',
    method: `Made-up load of ${NODES} nodes over 30 days at 30 s (${(rows / 1e6).toFixed(2)} M rows); CPU time of one thread, from samples in memory to feature rows in memory. The view \`node_state\` is computed at every sample; the forecast's row only where forecasts are made and judged, every 5 minutes. The bar is 60 features over 4.3 M rows in ${BAR_CPU_SECONDS} CPU seconds.`,
    tables: [
      {
        caption: 'CPU time',
        columns: ['view', 'features', 'rows', 'CPU s', 'microseconds a row', 'bar, CPU s', 'verdict'],
        rows: [
          [
            'node_state',
            width,
            rows,
            state.toFixed(2),
            ((state / rows) * 1e6).toFixed(2),
            BAR_CPU_SECONDS,
            verdict(state <= BAR_CPU_SECONDS),
          ],
          [
            'node_load_cpu',
            FEATURE_COUNT,
            forecastRows,
            forecast.toFixed(2),
            ((forecast / forecastRows) * 1e6).toFixed(1),
            '',
            '',
          ],
        ],
      },
    ],
    notes: [
      `The forecast's row looks at 8 days of windows anew each time; at every sample of the same month it would take ${((forecast / forecastRows) * rows).toFixed(0)} CPU s, far above the bar, which only \`node_state\` is held to.`,
    ],
  });
}

/** CPU time of a process, from ticks of 10 ms. */
function cpuMsOf(pid: number | string): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** CPU time of a process and those that it started (its process group). */
function groupCpuMs(leader: number): number {
  let sum = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const group = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[2];
      if (Number(group) === leader) sum += cpuMsOf(pid);
    } catch {
      // It has ended since the list was made.
    }
  }
  return sum;
}

interface Latencies {
  readonly direct: readonly number[];
  readonly served: readonly number[];
  /** Of our client and Redis together, a direct call. */
  readonly directCpuMs: number;
  /** Of our client, Redis and the feature server together, a call of the server. */
  readonly servedCpuMs: number;
}

interface Pids {
  readonly redis: number;
  readonly server: number;
}

/** Both ways in turn: what else the machine does weighs on both. */
async function timeInTurn(
  direct: () => Promise<unknown>,
  served: () => Promise<unknown>,
  pids: Pids,
): Promise<Latencies> {
  const ownCpuMs = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const time = async (call: () => Promise<unknown>, into: number[]): Promise<void> => {
    const began = performance.now();
    await call();
    into.push(performance.now() - began);
  };
  for (let i = 0; i < WARM_UP; i++) await direct();
  await served();
  const found = { direct: [] as number[], served: [] as number[], directCpuMs: 0, servedCpuMs: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const before = ownCpuMs() + cpuMsOf(pids.redis);
    await time(direct, found.direct);
    const between = ownCpuMs() + cpuMsOf(pids.redis);
    found.directCpuMs += between - before;
    if (round % SERVED_EVERY !== 0) continue;
    const server = groupCpuMs(pids.server);
    await time(served, found.served);
    found.servedCpuMs += ownCpuMs() + cpuMsOf(pids.redis) - between + groupCpuMs(pids.server) - server;
  }
  return {
    ...found,
    directCpuMs: found.directCpuMs / found.direct.length,
    servedCpuMs: found.servedCpuMs / found.served.length,
  };
}

function latencyRow(
  features: number,
  listpackEntries: number | undefined,
  { direct, served, directCpuMs, servedCpuMs }: Latencies,
): (string | number)[] {
  const [p50, p95] = [quantile(direct, 0.5), quantile(direct, 0.95)];
  const [servedP50, servedP95] = [quantile(served, 0.5), quantile(served, 0.95)];
  return [
    features,
    listpackEntries ?? "Redis' default",
    p50.toFixed(1),
    p95.toFixed(1),
    servedP50.toFixed(0),
    servedP95.toFixed(0),
    (servedP50 / p50).toFixed(1),
    (servedP95 / p95).toFixed(1),
    directCpuMs.toFixed(1),
    servedCpuMs.toFixed(0),
    (servedCpuMs / directCpuMs).toFixed(1),
    verdict(p95 <= BAR_P95_MS),
    verdict(servedP95 / p95 >= BAR_RATIO),
  ];
}

async function benchOnline(listpackEntries: number | undefined): Promise<(string | number)[][]> {
  const extra = listpackEntries === undefined ? [] : ['--hash-max-listpack-entries', String(listpackEntries)];
  const redis = await startRedis(extra);
  const feast = prepareFeast(redis.port);
  await feast.run('apply');
  const server = await feast.serve();
  const connection = createRedisConnection({ url: redis.url, timeoutMs: 30_000 });
  const direct = createRedisStore({ connection, project: 'mlsched' });
  const served = createHttpStore({ baseUrl: server.url, timeoutSeconds: 120 });
  const view = onlineViewOf('node_state');
  const entities = Array.from({ length: ONLINE_NODES }, (_, i) => [`node-${i}`]);
  const rng = createRng(1);
  const nowMs = Date.now();
  const values = Float32Array.from({ length: ONLINE_NODES * view.features.length }, () => rng.next());
  await direct.write({ view, entities, eventMs: new Float64Array(ONLINE_NODES).fill(nowMs), values });
  const rows: (string | number)[][] = [];
  for (const features of [view.features.slice(2, 12), view.features]) {
    const read = (store: FeatureStore) => store.read({ view, features, entities, nowMs });
    const found = await timeInTurn(
      () => read(direct),
      () => read(served),
      { redis: redis.pid, server: server.pid },
    );
    rows.push(latencyRow(features.length, listpackEntries, found));
  }
  await served.close();
  await connection.close();
  await server.stop();
  await redis.stop();
  feast.remove();
  return rows;
}

benchOffline();
const rows = [...(await benchOnline(undefined)), ...(await benchOnline(32))];
publishSection({
  id: '61-features-online',
  title: 'Online features of 1,000 nodes',
  command: 'make bench BENCH=features',
  method: `One call for ${ONLINE_NODES} nodes of view \`node_state\`, one at a time, over loopback; Redis and Feast 0.67 (one worker) on the same machine and the same Redis; ${ROUNDS} calls of ours, and after each sixth one of the feature server. CPU is that of our client, of Redis and of the server together, a call. The bars are P95 at most ${BAR_P95_MS} ms, and ${BAR_RATIO} times as fast as the feature server.`,
  tables: [
    {
      caption: 'Latency',
      columns: [
        'features',
        'hash-max-listpack-entries',
        'direct P50, ms',
        'direct P95, ms',
        'server P50, ms',
        'server P95, ms',
        'server / direct, P50',
        'server / direct, P95',
        'direct CPU, ms',
        'server CPU, ms',
        'server / direct, CPU',
        'P95 <= 50 ms',
        '>= 5x',
      ],
      rows,
    },
  ],
  notes: [
    `Times are those of a shared machine (load average ${loadavg()[0]?.toFixed(0)} on ${availableParallelism()} cores at the end of this run): read the P95 bar beside the CPU of a call, which is what a free machine would take.`,
    'Redis keeps small hashes as lists and searches them from the start for each field. A lower hash-max-listpack-entries makes them tables: less than half the work for a whole row, for some more memory.',
  ],
});
