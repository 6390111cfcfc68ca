import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { ModelArtefact } from '#domain';
import { sha256File } from '#platform/files';

/**
 * A short hash of everything that training depends on: the Parquet files below the roots, the code, and models that
 * are built upon. Work that is kept under it is either right or not found.
 *
 * @param roots - Data folders.
 * @param words - Whatever else matters: seed, budget, version.
 */
export async function hashInputs(
  roots: readonly string[],
  words: readonly string[],
  artefacts: Iterable<ModelArtefact> = [],
): Promise<string> {
  const hash = createHash('sha256').update(words.join(' '));
  for (const root of roots) await addFolder(hash, root, (path) => path.endsWith('.parquet'));
  const source = join(import.meta.dirname, '..');
  await addFolder(hash, source, (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
  for (const { model, schemaVersion, files } of artefacts) {
    hash.update(`${model} ${schemaVersion}`);
    for (const [name, bytes] of files) hash.update(name).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

type Hash = ReturnType<typeof createHash>;

async function addFolder(hash: Hash, folder: string, isWanted: (path: string) => boolean): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(isWanted)
    .sort();
  for (const path of paths) hash.update(`${relative(folder, path)} ${await sha256File(path)}\n`);
}
