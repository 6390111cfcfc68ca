import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathMissing, translateFault } from './errors.ts';

/**
 * Lists the files of one folder (not of its subfolders) whose names end in `extension`, sorted by name.
 *
 * @throws MlschedError `MLS_FILES_MISSING`, `MLS_FILES_PERMISSION`.
 */
export async function listFiles(directory: string, extension: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries
      .filter(
        (entry) => !entry.isDirectory() && entry.name.endsWith(extension) && !entry.name.startsWith('.'),
      )
      .map((entry) => join(directory, entry.name))
      .sort();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw pathMissing(directory, 'directory');
    throw translateFault(directory, error);
  }
}
