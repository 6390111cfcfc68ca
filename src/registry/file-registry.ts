import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import type { ModelArtefact, ModelName } from '#domain';
import { systemClock, type Clock } from '#kernel/clock';
import { isMlschedError } from '#kernel/errors';
import { readJson, writeFileAtomic, writeJson } from '#platform/files';

import { modelCorrupt, modelNotFound } from './errors.ts';
import {
  checkAlias,
  checkArtefact,
  describeArtefact,
  LATEST,
  MANIFEST,
  readVerified,
  versionSchema,
} from './manifest.ts';
import type { LoadedModel, ModelMetadata, ModelReference, ModelRegistry, ModelVersion } from './types.ts';

export interface FileRegistryOptions {
  /** @defaultValue `.mlsched/models` under the current directory. */
  readonly home?: string;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

const DEFAULT_REGISTRY_HOME = '.mlsched/models';

const aliasSchema = z.object({ version: z.int().positive() });

/**
 * Opens the embedded registry: plain folders, no server.
 *
 * @remarks `<home>/<model>/versions/<n>/` holds the files and, written last, `manifest.json`: a version without a
 *   manifest does not exist. `<home>/<model>/aliases/<alias>.json` holds one number. Every file is written whole or not
 *   at all, and several processes may share a home.
 */
export function openFileRegistry(options: FileRegistryOptions = {}): ModelRegistry {
  const home = options.home ?? DEFAULT_REGISTRY_HOME;
  const clock = options.clock ?? systemClock;
  return {
    register: (artefact, metadata = {}) => register(home, artefact, metadata, clock.nowMs()),
    load: async (model, reference) => loadModelFolder(await folderOf(home, model, reference)),
    describe: async (model, reference) => readManifest(await folderOf(home, model, reference)),
    list: (model) => list(home, model),
    setAlias: (model, alias, version) => setAlias(home, model, alias, version),
    removeAlias: (model, alias) => rm(aliasPath(home, model, alias), { force: true }),
    aliases: (model) => readAliases(home, model),
  };
}

/**
 * Reads a stored version from its own folder, wherever it was copied to.
 *
 * @throws MlschedError `MLS_TRAINING_MODEL_CORRUPT` naming the file that is missing or has other bytes.
 */
export async function loadModelFolder(folder: string): Promise<LoadedModel> {
  const version = await readManifest(folder);
  const files = await readVerified(version.files, async (name) => {
    const path = join(folder, name);
    return { path, bytes: await readFile(path).catch(() => undefined) };
  });
  return { artefact: { model: version.model, schemaVersion: version.schemaVersion, files }, version };
}

/** Keeps a copy of another registry's version under the same number, so that it can be read when that one is away. */
export async function copyVersion(home: string, { artefact, version }: LoadedModel): Promise<void> {
  const folder = join(versionsPath(home, artefact.model), String(version.version));
  await mkdir(folder, { recursive: true });
  await writeVersion(folder, artefact, version);
}

async function writeVersion(folder: string, artefact: ModelArtefact, version: ModelVersion): Promise<void> {
  for (const [name, bytes] of artefact.files) await writeFileAtomic(join(folder, name), bytes);
  await writeJson(join(folder, MANIFEST), version);
}

async function register(
  home: string,
  artefact: ModelArtefact,
  metadata: ModelMetadata,
  createdAtMs: number,
): Promise<ModelVersion> {
  checkArtefact(artefact, metadata);
  const { number, folder } = await claimVersion(versionsPath(home, artefact.model));
  const version: ModelVersion = { ...describeArtefact(artefact, metadata), version: number, createdAtMs };
  try {
    await writeVersion(folder, artefact, version);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return version;
}

/** Making the folder is the claim: of two processes one gets the number and the other goes on to the next. */
async function claimVersion(versions: string): Promise<{ number: number; folder: string }> {
  await mkdir(versions, { recursive: true });
  const taken = await readNumbers(versions);
  for (let number = (taken.at(-1) ?? 0) + 1; ; number++) {
    const folder = join(versions, String(number));
    try {
      await mkdir(folder);
      return { number, folder };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function list(home: string, model: ModelName): Promise<ModelVersion[]> {
  const versions = versionsPath(home, model);
  const found: ModelVersion[] = [];
  for (const number of await readNumbers(versions)) {
    const version = await readManifestIfAny(join(versions, String(number)));
    if (version !== undefined) found.push(version);
  }
  return found;
}

/** Folder of a version that exists. */
async function folderOf(home: string, model: ModelName, reference: ModelReference): Promise<string> {
  const number = await resolveReference(home, model, reference);
  const folder = join(versionsPath(home, model), String(number));
  if (number !== undefined && (await readManifestIfAny(folder)) !== undefined) return folder;
  const versions = (await list(home, model)).map(({ version }) => `version ${version}`);
  const aliases = Object.keys(await readAliases(home, model)).map((alias) => `alias ${alias}`);
  throw modelNotFound(model, reference, [...versions, ...aliases]);
}

async function resolveReference(
  home: string,
  model: ModelName,
  reference: ModelReference,
): Promise<number | undefined> {
  if (typeof reference === 'number') return reference;
  if (/^[1-9]\d*$/.test(reference)) return Number(reference);
  if (reference === LATEST) return (await list(home, model)).at(-1)?.version;
  return readAlias(aliasPath(home, model, reference));
}

async function setAlias(home: string, model: ModelName, alias: string, version: number): Promise<void> {
  const path = aliasPath(home, model, alias);
  // An alias must never lead nowhere.
  await folderOf(home, model, version);
  await writeJson(path, { version });
}

async function readAliases(home: string, model: ModelName): Promise<Record<string, number>> {
  const names = await readNames(join(home, model, 'aliases'));
  const aliases: Record<string, number> = {};
  for (const name of names.filter((file) => file.endsWith('.json') && !file.startsWith('.')).sort()) {
    const alias = name.slice(0, -'.json'.length);
    const version = await readAlias(aliasPath(home, model, alias));
    if (version !== undefined) aliases[alias] = version;
  }
  return aliases;
}

async function readAlias(path: string): Promise<number | undefined> {
  try {
    return (await readJson(path, aliasSchema)).version;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw asCorrupt(path, error);
  }
}

async function readManifest(folder: string): Promise<ModelVersion> {
  const version = await readManifestIfAny(folder);
  if (version === undefined) throw modelCorrupt(join(folder, MANIFEST), 'is not there');
  return version;
}

async function readManifestIfAny(folder: string): Promise<ModelVersion | undefined> {
  const path = join(folder, MANIFEST);
  try {
    return await readJson(path, versionSchema);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw asCorrupt(path, error);
  }
}

function asCorrupt(path: string, error: unknown): unknown {
  const isUnreadable = isMlschedError(error) && error.code === 'MLS_FILES_BAD_JSON';
  return isUnreadable ? modelCorrupt(path, `is damaged: ${error.message}`) : error;
}

function isMissing(error: unknown): boolean {
  return isMlschedError(error) && error.code === 'MLS_FILES_MISSING';
}

function versionsPath(home: string, model: ModelName): string {
  return join(home, model, 'versions');
}

function aliasPath(home: string, model: ModelName, alias: string): string {
  checkAlias(alias);
  return join(home, model, 'aliases', `${alias}.json`);
}

/** Version numbers that are taken, with or without a manifest, ascending. */
async function readNumbers(versions: string): Promise<number[]> {
  const names = await readNames(versions);
  return names
    .filter((name) => /^[1-9]\d*$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** An unknown model has no folder yet, which is no fault. */
async function readNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
