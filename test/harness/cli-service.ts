import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const ENTRY = join(resolve(import.meta.dirname, '../..'), 'src/cli/main.ts');

/** A service of ours in a process of its own, as a user would start it. */
export interface CliService {
  readonly url: string;
  readonly pid: number;
  /** What it announced on its first line. */
  readonly announcement: Readonly<Record<string, unknown>>;
  /** Log lines so far. */
  log(): string;
  /** Sends SIGTERM and waits for the end; resolves with the exit code, also when called again. */
  stop(): Promise<number | null>;
}

/**
 * Starts `mlsched ARGS` and waits for its announcement.
 *
 * @param home - State directory of its own.
 * @throws Error with its log when it ends before it announces anything.
 */
export async function startCliService(
  args: readonly string[],
  home: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<CliService> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ENTRY, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MLSCHED_HOME: home, ...environment },
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = new Promise<number | null>((resolveEnd) => child.once('exit', (code) => resolveEnd(code)));
  const first = new Promise<string>((resolveLine) =>
    createInterface({ input: child.stdout }).once('line', resolveLine),
  );
  const line = await Promise.race([first, ended.then(() => undefined)]);
  if (line === undefined) throw new Error(`mlsched ${args.join(' ')} ended at once; its log:\n${log}`);
  const { data, error } = JSON.parse(line) as { data?: Record<string, unknown>; error?: unknown };
  if (data === undefined || error) throw new Error(`mlsched ${args.join(' ')}: ${line}`);
  return {
    url: `http://127.0.0.1:${String(data['port'])}`,
    pid: child.pid ?? -1,
    announcement: data,
    log: () => log,
    stop() {
      if (child.exitCode === null) child.kill('SIGTERM');
      return ended;
    },
  };
}
