import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface CliAnswer {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Called with the child once it runs: to send it a signal. */
  readonly onStart?: (child: { kill(signal: NodeJS.Signals): boolean }) => void;
}

/** Runs the real command as a user would, in a process of its own. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliAnswer> {
  return new Promise((resolveAnswer, reject) => {
    const child = spawn(join(ROOT, 'bin/mlsched'), args, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (exitCode) => resolveAnswer({ exitCode, stdout, stderr }));
    options.onStart?.(child);
  });
}

export interface ParsedEnvelope {
  readonly schemaVersion: number;
  readonly command: string;
  readonly status: string;
  readonly data: unknown;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null;
}

/** The one document on standard output; throws when there is more or less than one. */
export function parseEnvelope(answer: CliAnswer): ParsedEnvelope {
  return JSON.parse(answer.stdout) as ParsedEnvelope;
}
