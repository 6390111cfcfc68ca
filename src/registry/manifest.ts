import { z } from 'zod';

import { MODEL_NAMES, type ModelArtefact } from '#domain';
import { sha256 } from '#platform/files';

import { metricInvalid, modelCorrupt, nameInvalid } from './errors.ts';
import type { ModelMetadata, ModelVersion, StoredFile } from './types.ts';

export const MANIFEST = 'manifest.json';
/** The reference to the newest version; no alias may take its name. */
export const LATEST = 'latest';
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9.-]*$/;
const ALIAS_NAME = /^[a-z][a-z0-9-]*$/;

const manifestFields = z.object({
  model: z.enum(MODEL_NAMES),
  schemaVersion: z.string(),
  files: z.array(
    z.object({
      name: z.string().regex(FILE_NAME),
      sizeBytes: z.int().nonnegative(),
      sha256: z.string().length(64),
    }),
  ),
  metadata: z.object({
    runId: z.string().exactOptional(),
    metrics: z.record(z.string(), z.number()),
    parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    tags: z.record(z.string(), z.string()),
  }),
});

/** Everything about a version that does not depend on where it is stored. */
export type Manifest = Omit<ModelVersion, 'version' | 'createdAtMs'>;
export const manifestSchema: z.ZodType<Manifest> = manifestFields;

export const versionSchema: z.ZodType<ModelVersion> = manifestFields.extend({
  version: z.int().positive(),
  createdAtMs: z.number(),
});

export function describeArtefact(artefact: ModelArtefact, metadata: ModelMetadata): Manifest {
  return {
    model: artefact.model,
    schemaVersion: artefact.schemaVersion,
    files: [...artefact.files]
      .map(([name, bytes]) => ({ name, sizeBytes: bytes.length, sha256: sha256(bytes) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    metadata: { metrics: {}, parameters: {}, tags: {}, ...metadata },
  };
}

/** @throws MlschedError `MLS_TRAINING_NAME_INVALID`, `MLS_TRAINING_METRIC_INVALID` before anything is stored. */
export function checkArtefact(artefact: ModelArtefact, metadata: ModelMetadata): void {
  if (artefact.files.size === 0) throw nameInvalid('model', artefact.model, 'it has no file');
  for (const name of artefact.files.keys())
    if (!FILE_NAME.test(name) || name === MANIFEST)
      throw nameInvalid('model file', name, 'use letters, digits, dot and dash, and not manifest.json');
  for (const [metric, value] of Object.entries(metadata.metrics ?? {}))
    if (!Number.isFinite(value)) throw metricInvalid(metric, value);
}

/** @throws MlschedError `MLS_TRAINING_NAME_INVALID`. */
export function checkAlias(alias: string): void {
  if (!ALIAS_NAME.test(alias) || alias === LATEST)
    throw nameInvalid(
      'alias',
      alias,
      'use lower-case letters, digits and dash, a letter first, and not latest',
    );
}

/**
 * Reads the files of a version and verifies each.
 *
 * @throws MlschedError `MLS_TRAINING_MODEL_CORRUPT` naming the file that is missing or has other bytes.
 */
export async function readVerified(
  files: readonly StoredFile[],
  read: (name: string) => Promise<{ readonly path: string; readonly bytes: Uint8Array | undefined }>,
): Promise<Map<string, Uint8Array>> {
  const verified = new Map<string, Uint8Array>();
  for (const { name, sha256: expected } of files) {
    const { path, bytes } = await read(name);
    if (bytes === undefined) throw modelCorrupt(path, 'cannot be read');
    const found = sha256(bytes);
    if (found !== expected) throw modelCorrupt(path, `has SHA-256 ${found} instead of ${expected}`);
    verified.set(name, bytes);
  }
  return verified;
}
