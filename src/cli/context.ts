import type { Progress } from '#kernel/progress';

/** How the answer of a command is written to standard output. */
export type OutputFormat = 'table' | 'json' | 'yaml';
export type ProgressMode = 'auto' | 'plain' | 'json' | 'none';

/** What every command gets beside its own options. */
export interface CommandContext {
  readonly output: OutputFormat;
  readonly seed: number;
  readonly progress: Progress;
  /** A line for the person on standard error; never part of the data. */
  note(line: string): void;
}

/** What a command answers: `finding` means that the check it made found something (exit code 3). */
export interface CommandResult<Data> {
  readonly status: 'ok' | 'finding';
  readonly data: Data;
}

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_FINDING = 3;
export const EXIT_INTERRUPTED = 130;
