import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'node:net';
import { isOnPath } from './on-path.ts';
import { freePorts, startProcess, waitUntilReady } from './processes.ts';

/** A real Redis on loopback that keeps nothing. */
export interface LocalRedis {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Why Redis cannot be run here; false when it can. */
export function redisMissing(): string | false {
  return isOnPath('redis-server') ? false : 'redis-server is not installed (Debian package redis-server)';
}

/** Starts Redis in a folder of its own. */
export async function startRedis(extra: readonly string[] = [], wantedPort?: number): Promise<LocalRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-redis-'));
  const port = wantedPort ?? ((await freePorts(1))[0] as number);
  const log = join(folder, 'redis.log');
  const command = ['redis-server', '--bind', '127.0.0.1', '--port', String(port), '--dir', folder];
  const server = startProcess(
    'redis-server',
    [...command, '--save', '', '--appendonly', 'no', ...extra],
    log,
  );
  try {
    await waitUntilReady(server, log, () => answers(port));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: server.pid,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      // A server that wants a password is up too.
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()));
    });
    socket.write('PING\r\n');
  });
}
