import { execFile } from 'node:child_process';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isOnPath } from './on-path.ts';
import { freePorts, startProcess, waitUntilReady } from './processes.ts';

/** A real Prometheus on loopback. */
export interface LocalPrometheus {
  readonly url: string;
  stop(): Promise<void>;
}

/** Samples of one metric for the back-fill, as OpenMetrics wants them: grouped by series, times ascending. */
export interface BackfillMetric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly series: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly samples: Iterable<readonly [timeMs: number, value: number]>;
  }[];
}

/** Why Prometheus cannot be run here; false when it can. */
export function prometheusMissing(): string | false {
  const missing = ['prometheus', 'promtool'].find((program) => !isOnPath(program));
  return missing === undefined ? false : `${missing} is not installed (Debian package prometheus)`;
}

/** Starts Prometheus in an empty folder, with history back-filled by promtool. */
export async function startPrometheus(
  folder: string,
  history: readonly BackfillMetric[],
  flags: readonly string[] = [],
): Promise<LocalPrometheus> {
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  const text = join(folder, 'history.txt');
  await writeOpenMetrics(text, history);
  const backfill = `tsdb create-blocks-from openmetrics --max-block-duration=720h --quiet`.split(' ');
  await promisify(execFile)('promtool', [...backfill, text, data]);
  await rm(text);
  const config = join(folder, 'prometheus.yml');
  await writeFile(config, 'global: {scrape_interval: 1s}\n');
  const [port = 0] = await freePorts(1);
  const log = join(folder, 'prometheus.log');
  const command = [
    'prometheus',
    `--config.file=${config}`,
    `--storage.tsdb.path=${data}`,
    // The default of 15 days would drop the back-filled blocks.
    '--storage.tsdb.retention.time=90d',
    `--web.listen-address=127.0.0.1:${port}`,
    ...flags,
  ];
  const server = startProcess('prometheus', command, log);
  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady(server, log, async () => (await fetch(`${url}/-/ready`)).ok);
  return { url, stop: () => server.stop() };
}

/** Written piece by piece: a month of history is longer than the longest string. */
async function writeOpenMetrics(path: string, history: readonly BackfillMetric[]): Promise<void> {
  const file = await open(path, 'w');
  for (const { name, type, series } of history) {
    await file.write(`# TYPE ${type === 'counter' ? name.replace(/_total$/, '') : name} ${type}\n`);
    for (const { labels, samples } of series) {
      const list = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
      const prefix = `${name}{${list.join(',')}}`;
      let text = '';
      for (const [timeMs, value] of samples) text += `${prefix} ${formatValue(value)} ${timeMs / 1000}\n`;
      await file.write(text);
    }
  }
  await file.write('# EOF\n');
  await file.close();
}

function formatValue(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
