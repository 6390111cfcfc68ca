/**
 * `make demo-prometheus`: the main job from a real Prometheus instead of the trace. Starts one from Debian on loopback,
 * back-fills it by promtool with the counters that the sample servers would have had, collects that history as a user
 * would, and runs the demo on the store.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readLoadSeries } from '../src/collect/index.ts';
import type { RawLoadSeries } from '../src/domain/index.ts';
import { prometheusMissing, startPrometheus } from '../test/harness/prometheus.ts';
import type { BackfillMetric } from '../test/harness/prometheus.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SAMPLE = join(ROOT, 'data/sample');
const HOME = join(ROOT, '.mlsched/demo-prometheus');
const WEEK_MS = 7 * 86_400_000;
const DAY_MS = 86_400_000;
const SECOND_MS = 1000;
const STEP_SECONDS = 60;
const MEMORY_BYTES = 64 * 2 ** 30;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Whole weeks, so that hours and weekdays stay what they were. */
function shiftToPresent(series: readonly RawLoadSeries[]): number {
  const lastMs = Math.max(...series.map(({ timesMs }) => timesMs.at(-1) ?? 0));
  return Math.floor((Date.now() - lastMs) / WEEK_MS) * WEEK_MS;
}

/** What node_exporter would have counted, had each server had one processor and 64 GiB. */
function toMetrics(series: readonly RawLoadSeries[], shiftMs: number): BackfillMetric[] {
  const per = (samples: (one: RawLoadSeries) => Iterable<readonly [number, number]>, labels: object = {}) =>
    series.map((one, index) => ({
      labels: { instance: `10.0.0.${index + 1}:9100`, ...labels },
      samples: samples(one),
    }));
  const known = (one: RawLoadSeries, values: Float32Array | undefined, of: (value: number) => number) =>
    [...one.timesMs].flatMap((timeMs, row): [number, number][] => {
      const value = values?.[row] ?? NaN;
      return Number.isNaN(value) ? [] : [[timeMs + shiftMs, of(value)]];
    });
  return [
    {
      name: 'node_cpu_seconds_total',
      type: 'counter',
      series: per((one) => countIdle(one, shiftMs), { cpu: '0', mode: 'idle' }),
    },
    {
      name: 'node_memory_MemAvailable_bytes',
      type: 'gauge',
      series: per((one) => known(one, one.memoryUsageRatio, (ratio) => (1 - ratio) * MEMORY_BYTES)),
    },
    {
      name: 'node_memory_MemTotal_bytes',
      type: 'gauge',
      series: per((one) => known(one, one.cpuUsageRatio, () => MEMORY_BYTES)),
    },
  ];
}

function* countIdle({ timesMs, cpuUsageRatio }: RawLoadSeries, shiftMs: number): Generator<[number, number]> {
  let total = 0;
  let beforeMs = (timesMs[0] ?? 0) - STEP_SECONDS * SECOND_MS;
  yield [beforeMs + shiftMs, total];
  for (let row = 0; row < timesMs.length; row++) {
    const timeMs = timesMs[row] as number;
    const busy = cpuUsageRatio[row] as number;
    if (Number.isNaN(busy)) continue;
    total += ((1 - busy) * (timeMs - beforeMs)) / SECOND_MS;
    beforeMs = timeMs;
    yield [timeMs + shiftMs, total];
  }
}

/** Runs the product's own command as a user would. */
async function mlsched(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  say(`\n$ mlsched ${args.join(' ')}`);
  const child = spawn(join(ROOT, 'bin/mlsched'), args, { stdio: 'inherit', env: { ...process.env, ...env } });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  if (code !== 0) throw new Error(`mlsched ${args[0]} ended with ${code}`);
}

const missing = prometheusMissing();
if (missing !== false) {
  say(`make demo-prometheus needs a real Prometheus: ${missing}.`);
  say('Install it (Debian, Ubuntu: apt-get install --no-install-recommends prometheus) and run again.');
  say('Everything else works without: make demo');
  process.exit(1);
}

const data = join(HOME, 'data');
await rm(HOME, { recursive: true, force: true });
await mkdir(data, { recursive: true });
for (const name of await readdir(SAMPLE)) {
  if (name !== 'smd-nodes') await cp(join(SAMPLE, name), join(data, name), { recursive: true });
}
const series = await readLoadSeries(join(SAMPLE, 'smd-nodes'));
const shiftMs = shiftToPresent(series);
const firstMs = Math.min(...series.map(({ timesMs }) => timesMs[0] ?? Infinity)) + shiftMs;
say(`back-filling a real Prometheus with ${series.length} servers from ${new Date(firstMs).toISOString()}`);
const server = await startPrometheus(join(HOME, 'prometheus'), toMetrics(series, shiftMs));
try {
  const nodeMap = join(HOME, 'nodes.yaml');
  const lines = series.map(({ machine }, index) => `10.0.0.${index + 1}: ${machine}\n`);
  await writeFile(nodeMap, lines.join(''));
  const store = join(data, 'smd-nodes');
  const days = Math.ceil((Date.now() - firstMs) / DAY_MS);
  const source = ['--prometheus', server.url, '--node-map', nodeMap];
  await mlsched([
    'collect',
    'history',
    ...source,
    '--store',
    store,
    '--days',
    String(days),
    '--step',
    String(STEP_SECONDS),
  ]);
  await mlsched(['quality', '--data', store]);
} finally {
  await server.stop();
}
await mlsched(['demo', ...process.argv.slice(2)], { MLSCHED_DATA: data });
