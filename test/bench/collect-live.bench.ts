/**
 * Collects 5,000 nodes live from a real Prometheus that really scrapes them: `make bench BENCH=collect-live`. Takes six
 * minutes by the clock; needs Debian's package prometheus.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeStore, METRIC_CATALOGUE } from '#collect';
import { startPrometheus } from '../harness/prometheus.ts';
import { publishSection } from './publish.ts';

const NODES = Number(process.env['NODES'] ?? 5000);
const MINUTES = Number(process.env['MINUTES'] ?? 6);
const CORES = 4;
const TARGET_MIB = 300;
const ROOT = resolve(import.meta.dirname, '../..');

/** What the exporters of all nodes together would say now. */
function* scrape(): Generator<string> {
  const seconds = Date.now() / 1000;
  const types = new Set<string>();
  for (const [index, metric] of METRIC_CATALOGUE.entries()) {
    const name = metric.selector[0]?.value.split('|')[0] ?? '';
    if (!types.has(name)) yield `# TYPE ${name} ${metric.kind}\n`;
    types.add(name);
    const labels = metric.selector
      .slice(1)
      .filter(({ type }) => type !== '!~')
      .map((matcher) => `,${matcher.name}="${matcher.value.split('|')[0] ?? ''}"`)
      .join('');
    const cores = metric.parts.includes('cpu') ? CORES : 1;
    for (let node = 0; node < (metric.scope === 'node' ? NODES : 1); node++) {
      const level = 0.5 + 0.4 * Math.sin(seconds / 600 + node + index);
      const value = metric.kind === 'counter' ? seconds * 0.5 + level : level * 1e6;
      let text = '';
      for (let core = 0; core < cores; core++) {
        const cpu = cores > 1 ? `,cpu="${core}"` : '';
        text += `${name}{node="worker-${node}"${cpu}${labels}} ${value.toFixed(3)}\n`;
      }
      yield text;
    }
  }
}

const exporter = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
  response.end([...scrape()].join(''));
});
await new Promise<void>((done) => exporter.listen(0, '127.0.0.1', done));
const target = `127.0.0.1:${(exporter.address() as AddressInfo).port}`;
const folder = await mkdtemp(join(tmpdir(), 'mlsched-live-bench-'));
const server = await startPrometheus(
  join(folder, 'prometheus'),
  [],
  [],
  `global: {scrape_interval: 30s, scrape_timeout: 25s}\nscrape_configs: [{job_name: nodes, static_configs: [{targets: ['${target}']}]}]\n`,
);
const store = join(folder, 'store');
const args = ['collect', 'live', '--prometheus', server.url, '--store', store, '--port', '0'];
const child = spawn(join(ROOT, 'bin/mlsched'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
let log = '';
child.stderr.on('data', (text: Buffer) => (log += text.toString()));
const closed = new Promise<number | null>((done) => child.once('close', done));

async function memoryMib(field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}

async function cpuSeconds(): Promise<number> {
  const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

try {
  await sleep(MINUTES * 60_000);
  const port = /"port":(\d+)/.exec(log)?.[1];
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const metric = (name: string): number =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(metrics)?.[1]);
  const rounds = metric('mlsched_collect_round_duration_seconds_count');
  const meanSeconds = metric('mlsched_collect_round_duration_seconds_sum') / rounds;
  const cpu = await cpuSeconds();
  const rssMib = await memoryMib('VmRSS');
  child.kill('SIGTERM');
  let peakMib = 0;
  const ended = closed.then(() => true);
  // The end turns the live rows into Parquet: that is part of the peak.
  while (!(await Promise.race([ended, sleep(200, false)]))) {
    const mib = await memoryMib('VmHWM').catch(() => NaN);
    // A process that is ending has no memory any more.
    if (!Number.isNaN(mib)) peakMib = Math.max(peakMib, mib);
  }
  const status = await describeStore(store, Date.now());
  publishSection({
    id: '21-collect-live',
    title: 'Live collection of a large cluster',
    command: 'make bench BENCH=collect-live',
    method: `\`mlsched collect live\` in a process of its own, from a real Prometheus 2 on the same 2 cores that scrapes ${NODES} nodes of ${CORES} processors (${METRIC_CATALOGUE.length} metrics, a sample each 30 s), for ${MINUTES} minutes, then SIGTERM, which turns the live rows into Parquet.`,
    tables: [
      {
        caption: 'One run',
        columns: [
          'nodes',
          'rounds',
          'rows stored',
          'new samples',
          'mean round (s)',
          'CPU seconds a round',
          'RSS MiB',
          'peak RSS MiB',
        ],
        rows: [
          [
            NODES,
            rounds,
            status.rows,
            status.samples,
            meanSeconds.toFixed(2),
            (cpu / rounds).toFixed(2),
            Math.round(rssMib),
            Math.round(peakMib),
          ],
        ],
      },
    ],
    notes: [
      `Target of ${TARGET_MIB} MiB: ${peakMib < TARGET_MIB ? 'met' : 'missed'} (peak ${Math.round(peakMib)} MiB).`,
      `Rounds are due each 30 s. The machine's load average was ${loadavg()[0]?.toFixed(1)} on 2 cores, so read the CPU seconds and not the times.`,
    ],
  });
  process.stdout.write(
    `${JSON.stringify({ rounds, meanSeconds, cpu, rssMib, peakMib, rows: status.rows })}\n${log}`,
  );
} finally {
  child.kill('SIGKILL');
  await server.stop();
  exporter.closeAllConnections();
  exporter.close();
  await rm(folder, { recursive: true, force: true });
}
