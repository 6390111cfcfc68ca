import { execFile } from 'node:child_process';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isOnPath } from './on-path.ts';
import { freePorts, startProcess, waitUntilReady } from './processes.ts';
import type { ServerProcess } from './processes.ts';

/** A real Prometheus on loopback. */
export interface LocalPrometheus {
  readonly url: string;
  /** Stops it and starts it again on the same data and port. */
  restart(): Promise<void>;
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
  configuration = 'global: {scrape_interval: 1s}\n',
): Promise<LocalPrometheus> {
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  const text = join(folder, 'history.txt');
  if (history.length > 0) {
    await writeOpenMetrics(text, history);
    const backfill = `tsdb create-blocks-from openmetrics --max-block-duration=720h --quiet`.split(' ');
    await promisify(execFile)('promtool', [...backfill, text, data]);
    await rm(text);
  }
  const config = join(folder, 'prometheus.yml');
  await writeFile(config, configuration);
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
  const url = `http://127.0.0.1:${port}`;
  const start = async (): Promise<ServerProcess> => {
    const started = startProcess('prometheus', command, log);
    await waitUntilReady(started, log, async () => (await fetch(`${url}/-/ready`)).ok);
    return started;
  };
  let server = await start();
  return {
    url,
    async restart() {
      await server.stop();
      // Long enough that whoever asks each second meets a closed door.
      await sleep(3000);
      server = await start();
    },
    stop: () => server.stop(),
  };
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
