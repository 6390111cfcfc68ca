import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A real server that a test started; stopped by its own pid. */
export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  isRunning(): boolean;
  /** Sends SIGTERM, then SIGKILL after `graceMs`. Resolves once the process is gone. */
  stop(graceMs?: number): Promise<void>;
}

/** Free loopback ports, all held open at once while they are picked, so that no two are equal. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The program starts processes of its own that would outlive it: they are stopped with it. */
  readonly isGroup?: boolean;
}

/**
 * Starts a program with its output in a file.
 *
 * @param command - Program and arguments.
 * @param logFile - Receives standard output and standard error.
 */
export function startProcess(
  name: string,
  command: readonly string[],
  logFile: string,
  { isGroup = false, ...where }: ProcessOptions = {},
): ServerProcess {
  const log = openSync(logFile, 'w');
  const [program = '', ...args] = command;
  const child: ChildProcess = spawn(program, args, {
    ...where,
    stdio: ['ignore', log, log],
    detached: isGroup,
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const isRunning = (): boolean =>
    child.exitCode === null && child.signalCode === null && child.pid !== undefined;
  return {
    name,
    pid: child.pid ?? -1,
    isRunning,
    async stop(graceMs = 5000) {
      if (!isRunning()) return;
      const kill = (signal: NodeJS.Signals): void =>
        void (isGroup ? killGroup(child, signal) : child.kill(signal));
      kill('SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
      if (isGroup) killGroup(child, 'SIGKILL');
    },
  };
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch {
    // All of it is gone already.
  }
}

/**
 * Polls until a probe succeeds.
 *
 * @throws Error with the end of the process's log when it died or the time is over.
 */
export async function waitUntilReady(
  server: ServerProcess,
  logFile: string,
  probe: () => Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (!server.isRunning()) break;
    if (await probe().catch(() => false)) return;
    await sleep(50);
  }
  const log = readFileSync(logFile, 'utf8').split('\n').slice(-15).join('\n');
  throw new Error(
    `${server.name} ${server.isRunning() ? 'is not ready in time' : 'died'}; its log ends:\n${log}`,
  );
}
