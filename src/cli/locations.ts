import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
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

function dataMissing(directory: string, wasGiven: boolean): MlschedError {
  return new MlschedError('MLS_CLI_DATA_MISSING', `there is no data directory ${directory}`, {
    kind: 'not-found',
    hint: wasGiven
      ? 'Check the path given with --data.'
      : 'Give --data, or point MLSCHED_DATA at a folder in the layout of docs/reference/data-formats.md.',
    details: { directory },
  });
}
