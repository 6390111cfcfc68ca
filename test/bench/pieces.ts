import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** Results of a long bench that are kept one by one, so that it can be stopped and gone on with. */
export interface PieceStore<T> {
  /** The stored result, or the one that `make` gives, which is then stored. */
  take(name: string, make: () => Promise<T>): Promise<T>;
  /** The stored result, if there is one. */
  peek(name: string): T | undefined;
}

/**
 * @param bench - Folder of the pieces, below `.mlsched/bench`.
 * @param sources - Files or folders below the root that the results depend on: a change of one begins anew.
 */
export function openPieces<T>(bench: string, sources: readonly string[]): PieceStore<T> {
  const folder = join(root, '.mlsched/bench', bench, hashSources(sources));
  mkdirSync(folder, { recursive: true });
  const fileOf = (name: string): string => join(folder, `${name}.json`);
  const peek = (name: string): T | undefined => {
    const stored = readIfThere(fileOf(name));
    return stored === undefined ? undefined : (JSON.parse(stored, reviveUnknown) as T);
  };
  return {
    peek,
    async take(name, make) {
      const stored = peek(name);
      if (stored !== undefined) return stored;
      const file = fileOf(name);
      writeFileSync(`${file}.tmp`, JSON.stringify(await make()));
      renameSync(`${file}.tmp`, file);
      return peek(name) as T;
    },
  };
}

/** JSON writes NaN as null; pieces hold no other null. */
function reviveUnknown(_key: string, value: unknown): unknown {
  return value === null ? Number.NaN : value;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function hashSources(sources: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of sources.flatMap((source) => filesBelow(join(root, source)))) {
    hash.update(relative(root, file)).update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 12);
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(test\.ts|md)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
