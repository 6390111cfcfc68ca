import type { ModelArtefact, ModelName } from '#domain';
import { systemClock, type Clock } from '#kernel/clock';
import { isMlschedError } from '#kernel/errors';
import { sha256 } from '#platform/files';
import { mlflowErrorCode } from '#platform/mlflow';
import type { MlflowClient, MlflowModelVersion, MlflowRun } from '#platform/mlflow';

import { modelCorrupt, modelNotFound } from './errors.ts';
import {
  checkAlias,
  checkArtefact,
  describeArtefact,
  LATEST,
  MANIFEST,
  manifestSchema,
  readVerified,
} from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { describeForMlflow } from './mlmodel.ts';
import type { LoadedModel, ModelMetadata, ModelReference, ModelRegistry, ModelVersion } from './types.ts';

export interface MlflowRegistryOptions {
  readonly client: MlflowClient;
  /** Put before the model names, for a server that several clusters share. @defaultValue none */
  readonly prefix?: string;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

/** Experiment that holds the files of registered models, one run a version. */
const STORE_EXPERIMENT = 'mlsched-models';
const FOLDER = 'model';
const MANIFEST_TAG = 'mlsched.manifest-sha256';
const SCHEMA_TAG = 'mlsched.schema-version';

/**
 * Keeps models in MLflow's registry.
 *
 * @remarks A version's files lie in a run of the experiment `mlsched-models`; `manifest.json` there has the hash of each
 *   file, and a tag of the version that of the manifest. The version is made last: what was uploaded before a failure is
 *   no version. MLflow keeps no order of requests, so the number is the server's.
 */
export function openMlflowRegistry(options: MlflowRegistryOptions): ModelRegistry {
  const store = createStore(options);
  return {
    register: (artefact, metadata = {}) => register(store, artefact, metadata),
    async load(model, reference): Promise<LoadedModel> {
      const found = await resolve(store, model, reference);
      const { version, run } = await readVersion(store, found);
      const files = await readVerified(version.files, async (name) => ({
        path: `${found.source}/${name}`,
        bytes: await readArtifact(store, run, name),
      }));
      return { artefact: { model, schemaVersion: version.schemaVersion, files }, version };
    },
    describe: async (model, reference) =>
      (await readVersion(store, await resolve(store, model, reference))).version,
    async list(model) {
      const found: ModelVersion[] = [];
      for (const one of await store.client.listModelVersions(store.nameOf(model)))
        found.push((await readVersion(store, one)).version);
      return found;
    },
    async setAlias(model, alias, version) {
      checkAlias(alias);
      // MLflow lets an alias lead nowhere.
      await resolve(store, model, version);
      await store.client.setAlias(store.nameOf(model), alias, version);
    },
    async removeAlias(model, alias) {
      checkAlias(alias);
      await store.client.removeAlias(store.nameOf(model), alias);
    },
    aliases: (model) => store.client.aliases(store.nameOf(model)),
  };
}

interface Store {
  readonly client: MlflowClient;
  readonly clock: Clock;
  nameOf(model: ModelName): string;
}

function createStore({ client, prefix = '', clock = systemClock }: MlflowRegistryOptions): Store {
  return { client, clock, nameOf: (model) => `${prefix}${model}` };
}

async function register(
  store: Store,
  artefact: ModelArtefact,
  metadata: ModelMetadata,
): Promise<ModelVersion> {
  checkArtefact(artefact, metadata);
  const { client } = store;
  const manifest = describeArtefact(artefact, metadata);
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const name = store.nameOf(artefact.model);
  await client.ensureModel(name);
  const experiment = await client.ensureExperiment(STORE_EXPERIMENT);
  const run = await client.createRun(experiment, name, store.clock.nowMs());
  try {
    for (const [file, content] of [...artefact.files, [MANIFEST, bytes] as const])
      await client.putArtifact(run, `${FOLDER}/${file}`, content);
    await client.putArtifact(run, `${FOLDER}/MLmodel`, describeForMlflow(artefact, run.runId));
    await describeRun(client, run, manifest);
    const stored = await client.createModelVersion({
      name,
      source: `runs:/${run.runId}/${FOLDER}`,
      runId: run.runId,
      tags: [
        { key: MANIFEST_TAG, value: sha256(bytes) },
        { key: SCHEMA_TAG, value: artefact.schemaVersion },
        ...Object.entries(manifest.metadata.tags).map(([key, value]) => ({ key, value })),
      ],
    });
    await client.endRun(run.runId, 'FINISHED', store.clock.nowMs());
    return { ...manifest, version: stored.version, createdAtMs: stored.createdAtMs };
  } catch (error) {
    await client.deleteRun(run.runId).catch(() => undefined);
    throw error;
  }
}

/** What the manifest says, once more where MLflow's own pages show it. */
async function describeRun(client: MlflowClient, run: MlflowRun, { metadata }: Manifest): Promise<void> {
  await client.logBatch(run.runId, {
    params: Object.entries(metadata.parameters).map(([key, value]) => ({ key, value: String(value) })),
    metrics: Object.entries(metadata.metrics).map(([key, value]) => ({
      key,
      value,
      timestamp: run.startedAtMs,
      step: 0,
    })),
    tags: metadata.runId === undefined ? [] : [{ key: 'mlsched.training-run', value: metadata.runId }],
  });
}

async function resolve(
  store: Store,
  model: ModelName,
  reference: ModelReference,
): Promise<MlflowModelVersion> {
  const name = store.nameOf(model);
  const number = await versionNumber(store, name, reference);
  if (number !== undefined) {
    try {
      return await store.client.getModelVersion(name, number);
    } catch (error) {
      if (mlflowErrorCode(error) !== 'RESOURCE_DOES_NOT_EXIST') throw error;
    }
  }
  const versions = (await store.client.listModelVersions(name)).map(({ version }) => `version ${version}`);
  const aliases = Object.keys(await store.client.aliases(name)).map((alias) => `alias ${alias}`);
  throw modelNotFound(model, reference, [...versions, ...aliases]);
}

async function versionNumber(
  { client }: Store,
  name: string,
  reference: ModelReference,
): Promise<number | undefined> {
  if (typeof reference === 'number') return reference;
  if (/^[1-9]\d*$/.test(reference)) return Number(reference);
  if (reference === LATEST) return (await client.listModelVersions(name)).at(-1)?.version;
  return (await client.aliases(name))[reference];
}

/** Reads the manifest of a version and verifies it. */
async function readVersion(
  store: Store,
  found: MlflowModelVersion,
): Promise<{ version: ModelVersion; run: MlflowRun }> {
  const path = `${found.source}/${MANIFEST}`;
  const run = await store.client.getRun(runIdOf(found));
  const bytes = await readArtifact(store, run, MANIFEST);
  if (bytes === undefined) throw modelCorrupt(path, 'is not there');
  if (sha256(bytes) !== found.tags[MANIFEST_TAG]) throw modelCorrupt(path, 'was changed after it was stored');
  const manifest = manifestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  return { version: { ...manifest, version: found.version, createdAtMs: found.createdAtMs }, run };
}

/** A source that is no run of ours was registered by somebody else. */
function runIdOf({ name, version, source }: MlflowModelVersion): string {
  const runId = /^runs:\/([0-9a-f]{32})\//.exec(source)?.[1];
  if (runId === undefined)
    throw modelCorrupt(`${name} ${version}`, `has the source ${source} instead of a run`);
  return runId;
}

async function readArtifact(
  { client }: Store,
  run: MlflowRun,
  name: string,
): Promise<Uint8Array | undefined> {
  try {
    return Uint8Array.from(await client.getArtifact(run, `${FOLDER}/${name}`));
  } catch (error) {
    if (isMlschedError(error) && error.code === 'MLS_HTTP_NOT_FOUND') return undefined;
    throw error;
  }
}
