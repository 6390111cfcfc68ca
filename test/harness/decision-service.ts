import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { startProcess, waitUntilReady, type ServerProcess } from './processes.ts';

const program = resolve(import.meta.dirname, '../../bin/mlsched');

export interface DecisionServiceOptions {
  /** State, configuration and log are kept in it. */
  readonly folder: string;
  /** 0 for a free one. */
  readonly port?: number;
  readonly kubeconfig: string;
  /** Parts of the configuration over those of the tests. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The real decision service, `mlsched serve scheduler`. */
export interface DecisionService {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Tells it the load of nodes, ratios of capacity. */
  pushLoad(nodes: readonly NodeLoad[]): Promise<void>;
  /** Runs another command of mlsched on the same state; resolves to what it printed. */
  mlsched(...args: readonly string[]): string;
  stop(graceMs?: number): Promise<void>;
}

interface NodeLoad {
  readonly name: string;
  readonly cpuUsageRatio: number;
  readonly memoryUsageRatio: number;
  readonly atMs?: number;
}

/** Starts the service; it listens when this resolves, and is ready once it knows nodes and their load. */
export async function startDecisionService(options: DecisionServiceOptions): Promise<DecisionService> {
  const { folder, kubeconfig } = options;
  mkdirSync(folder, { recursive: true });
  const configFile = join(folder, 'config.yaml');
  const log = join(folder, 'service.log');
  writeFileSync(
    configFile,
    stringify({
      listen: { host: '127.0.0.1', port: options.port ?? 0 },
      cluster: { source: 'kubernetes', kubeconfig },
      load: { source: 'push', tickSeconds: 5 },
      ...options.config,
    }),
  );
  const env = { ...process.env, MLSCHED_HOME: join(folder, 'state') };
  const command = [program, 'serve', 'scheduler', '--config', configFile];
  const server: ServerProcess = startProcess('mlsched', command, log, { env });
  let port = 0;
  await waitUntilReady(server, log, async () => {
    port = readPort(log);
    return port > 0;
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    pid: server.pid,
    async pushLoad(nodes) {
      const body = JSON.stringify({ schemaVersion: 1, nodes });
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${url}/v1/load`, { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(`POST /v1/load: ${answer.status} ${await answer.text()}`);
    },
    mlsched(...args) {
      const done = spawnSync(program, args, { encoding: 'utf8', env });
      if (done.status !== 0) throw new Error(`mlsched ${args.join(' ')}:\n${done.stdout}${done.stderr}`);
      return done.stdout;
    },
    stop: (graceMs) => server.stop(graceMs),
  };
}

/** The service prints its port in an envelope on the first line. */
function readPort(log: string): number {
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    if (!line.includes('"command":"serve scheduler"')) continue;
    return (JSON.parse(line) as { data: { port: number } }).data.port;
  }
  return 0;
}
