import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePorts, startProcess, waitUntilReady } from './processes.ts';

const root = resolve(import.meta.dirname, '../..');

/** Feast's own command line on the repository that we ship, with a registry of its own. */
export interface LocalFeast {
  readonly folder: string;
  /** Folder that its file sources read. */
  readonly data: string;
  /** Runs a command such as `apply`; resolves to what it printed. */
  run(...args: readonly string[]): Promise<string>;
  /** Runs a Python program beside Feast; it finds the settings in `feature_store.yaml` of its working directory. */
  python(program: string): Promise<string>;
  /** Starts the feature server and waits until it answers. */
  serve(): Promise<{ readonly url: string; readonly pid: number; stop(): Promise<void> }>;
  remove(): void;
}

function findPython(): string | undefined {
  const found = spawnSync('bash', [join(root, 'tools/python/setup-env.sh'), 'feast', '--find'], {
    encoding: 'utf8',
  });
  return found.status === 0 ? found.stdout.trim() : undefined;
}

/** Why Feast cannot be run here; false when it can. */
export function feastMissing(): string | false {
  return findPython() === undefined
    ? "Feast's Python environment is not there: bash tools/python/setup-env.sh feast"
    : false;
}

/** Copies deploy/feast into a scratch folder and points it at a Redis. */
export function prepareFeast(redisPort: number): LocalFeast {
  const python = findPython() as string;
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-feast-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  cpSync(join(root, 'deploy/feast'), folder, { recursive: true });
  const env = {
    ...process.env,
    MLSCHED_FEAST_REGISTRY: join(folder, 'registry.db'),
    MLSCHED_FEAST_REDIS: `127.0.0.1:${redisPort}`,
    MLSCHED_FEATURE_DATA: data,
    FEAST_USAGE: 'False',
    PYTHONWARNINGS: 'ignore',
  };
  const feast = join(python, '../feast');
  const options = { cwd: folder, env, maxBuffer: 2 ** 26 };
  return {
    folder,
    data,
    run: async (...args) => (await promisify(execFile)(feast, args, options)).stdout,
    python: async (program) => (await promisify(execFile)(python, ['-c', program], options)).stdout,
    async serve() {
      const [port = 0] = await freePorts(1);
      const log = join(folder, 'serve.log');
      const command = [feast, 'serve', '-h', '127.0.0.1', '-p', String(port), '--no-access-log', '-w', '1'];
      const server = startProcess('feast serve', command, log, { cwd: folder, env, isGroup: true });
      const url = `http://127.0.0.1:${port}`;
      await waitUntilReady(server, log, async () => (await fetch(`${url}/health`)).ok, 120_000);
      return { url, pid: server.pid, stop: () => server.stop(15_000) };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
