import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join, resolve } from 'node:path';
import { freePorts, startProcess, waitUntilReady, type ServerProcess } from './processes.ts';

const pluginFolder = resolve(import.meta.dirname, '../../scheduler-plugin');

export interface SchedulerOptions {
  /** Names the log and the folder of its certificates. */
  readonly name?: string;
  /** `plugin` is our build with the plugin registered. */
  readonly binary?: 'stock' | 'plugin' | 'plugin-1.32';
  /** Parts of the KubeSchedulerConfiguration over the defaults of the tests. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A kube-scheduler that is ready. */
export interface RunningScheduler {
  readonly pid: number;
  /** Sum of a counter or gauge over the series whose labels contain all the given ones; 0 when there is none. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** The whole page of metrics. */
  metrics(): Promise<string>;
  log(): string;
  stop(): Promise<void>;
}

interface Place {
  readonly folder: string;
  readonly binaries: string;
}

/** Runs scheduler-plugin/build.sh; minutes the first time. Resolves to the folder with the binaries. */
export function buildFromModules(target: 'control-plane' | 'plugin' | 'plugin-1.32'): string {
  return execFileSync(join(pluginFolder, 'build.sh'), [target], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

export async function startKubeScheduler(
  { folder, binaries }: Place,
  options: SchedulerOptions,
  running: ServerProcess[],
): Promise<RunningScheduler> {
  const name = options.name ?? 'scheduler';
  const [port = 0] = await freePorts(1);
  const log = join(folder, `logs/${name}.log`);
  const kubeconfig = join(folder, 'scheduler.kubeconfig');
  const config = join(folder, `${name}.yaml`);
  const program =
    options.binary === undefined || options.binary === 'stock'
      ? join(binaries, 'kube-scheduler')
      : join(buildFromModules(options.binary), 'mlsched-kube-scheduler');
  writeFileSync(
    config,
    JSON.stringify({
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      ...options.config,
      leaderElection: { leaderElect: false },
      clientConnection: { kubeconfig, qps: 5000, burst: 10_000 },
    }),
  );
  const server = startProcess(
    name,
    [
      program,
      `--config=${config}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics',
      `--cert-dir=${join(folder, 'pki', name)}`,
    ],
    log,
  );
  running.push(server);
  await waitUntilReady(server, log, () => isSecureOk(port, ''));
  const metrics = async (): Promise<string> => (await getInsecure(port, '', '/metrics')).text;
  return {
    pid: server.pid,
    metrics,
    metric: async (metricName, labels = {}) => sumOfSeries(await metrics(), metricName, labels),
    log: () => readFileSync(log, 'utf8'),
    stop: () => server.stop(5000),
  };
}

/** Sum over the series of a page of metrics whose labels contain all the given ones; 0 when there is none. */
export function sumOfSeries(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  let sum = 0;
  for (const line of text.split('\n')) {
    const isSeries = line.startsWith(`${name}{`) || line.startsWith(`${name} `);
    if (isSeries && wanted.every((label) => line.includes(label)))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

/** Readiness only: the certificate is made by the server itself a moment before, so it is not verified here. */
export async function isSecureOk(port: number, token: string, path = '/readyz'): Promise<boolean> {
  return (await getInsecure(port, token, path)).status === 200;
}

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
}

function getInsecure(port: number, token: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
    const options = { host: '127.0.0.1', port, path, headers, timeout: 10_000, rejectUnauthorized: false };
    const call = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    call.once('error', reject);
    call.end();
  });
}
