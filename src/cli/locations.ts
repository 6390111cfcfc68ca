import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MlschedError } from '#kernel/errors';
import type { CommandContext } from './context.ts';

/** The folder that holds package.json. */
export const REPOSITORY_ROOT = resolve(import.meta.dirname, '../..');

/** Where each kind of data stands below a data root. */
const FOLDERS = { load: 'smd-nodes', health: 'smd', placement: '' } as const;
export type DataKind = keyof typeof FOLDERS;

/** Models, caches and reports: `MLSCHED_HOME`, else `.mlsched` in the working directory. */
export function stateDirectory(): string {
  return resolve(process.env['MLSCHED_HOME'] || '.mlsched');
}

/** The data root without `--data`: `MLSCHED_DATA`, else the sample in the repository. */
export function dataRoot(): string {
  return resolve(process.env['MLSCHED_DATA'] || join(REPOSITORY_ROOT, 'data/sample'));
}

/**
 * The directory a command reads: `--data` when given, else the folder of its kind below the data root.
 *
 * @throws MlschedError `MLS_CLI_DATA_MISSING` when it is not there.
 */
export function dataDirectory(option: string | undefined, kind: DataKind, context: CommandContext): string {
  const directory = option === undefined ? join(dataRoot(), FOLDERS[kind]) : resolve(option);
  if (!existsSync(directory)) throw dataMissing(directory, option !== undefined);
  if (option === undefined) context.note(`data: ${directory}`);
  return directory;
}

/**
 * Makes sure, before the work begins, that a file can be written where its result shall go.
 *
 * @throws MlschedError `MLS_CLI_REPORT_PATH` for a folder, or a file in a folder that is missing or closed.
 */
export function requireWritable(file: string): void {
  const path = resolve(file);
  try {
    accessSync(dirname(path), constants.W_OK);
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  } catch {
    // Falls through: no such folder, or no right to write there.
  }
  throw new MlschedError('MLS_CLI_REPORT_PATH', `no file can be written at ${path}`, {
    kind: 'invalid-input',
    hint: 'Name a file in a folder that exists and that you may write to.',
    details: { path },
  });
}

function dataMissing(directory: string, wasGiven: boolean): MlschedError {
  return new MlschedError('MLS_CLI_DATA_MISSING', `there is no data directory ${directory}`, {
    kind: 'not-found',
    hint: wasGiven
      ? 'Check the path given with --data.'
      : 'Give --data, or point MLSCHED_DATA at a folder in the layout of docs/reference/data-formats.md.',
    details: { directory },
  });
}
