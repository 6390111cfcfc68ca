import { z } from 'zod';

import type { ModelArtefact } from '#domain';

import { placementArtefactInvalid } from './errors.ts';
import {
  CANDIDATE_FEATURES,
  CONTEXT_COUNT,
  CONTEXT_FEATURES,
  PLACEMENT_SCHEMA_VERSION,
  ROW_COUNT,
} from './features.ts';
import { elementCount, parameterSpecs } from './network.ts';
import type { NetworkShape, Parameters } from './network.ts';
import type { Normalisation } from './normalisation.ts';
import { buildPolicyGraph } from './policy-graph.ts';

/** A trained placement policy in memory. */
export interface PlacementModel {
  readonly shape: NetworkShape;
  readonly parameters: Parameters;
  readonly normalisation: Normalisation;
  /** Standard error of an advantage on validation decisions, in units of the network's output. */
  readonly advantageError: number;
}

/** Whether a policy learned with forecasts; one that did not must not be shown any. */
export function usesForecast(model: PlacementModel): boolean {
  const column = CANDIDATE_FEATURES.indexOf('forecastIsKnown');
  return (model.normalisation.mean[column] as number) > 0.5;
}

const POLICY_FILE = 'policy.onnx';
const WEIGHTS_FILE = 'weights.f32';
const MANIFEST_FILE = 'placement.json';

const manifestSchema = z.strictObject({
  schemaVersion: z.string(),
  features: z.array(z.string()),
  contextFeatures: z.array(z.string()),
  hidden: z.array(z.int().positive()).min(1),
  valueHidden: z.array(z.int().positive()).min(1),
  mean: z.array(z.number()),
  inverseSd: z.array(z.number()),
  advantageError: z.number().nonnegative(),
});

/**
 * Packs a policy: `policy.onnx` for any ONNX runtime, `weights.f32` (the same weights, little-endian float32,
 * in the order of `parameterSpecs`) for the synchronous evaluator, `placement.json` with feature names and
 * normalisation.
 */
export function savePlacementModel(model: PlacementModel): ModelArtefact {
  const { shape, normalisation } = model;
  const manifest: z.infer<typeof manifestSchema> = {
    schemaVersion: PLACEMENT_SCHEMA_VERSION,
    features: [...CANDIDATE_FEATURES],
    contextFeatures: [...CONTEXT_FEATURES],
    hidden: [...shape.hidden],
    valueHidden: [...shape.valueHidden],
    mean: [...normalisation.mean],
    inverseSd: [...normalisation.inverseSd],
    advantageError: model.advantageError,
  };
  const text = JSON.stringify(manifest, undefined, 1);
  return {
    model: 'placement',
    schemaVersion: PLACEMENT_SCHEMA_VERSION,
    files: new Map([
      [POLICY_FILE, buildPolicyGraph(shape, model.parameters, normalisation)],
      [WEIGHTS_FILE, packWeights(shape, model.parameters)],
      [MANIFEST_FILE, new TextEncoder().encode(`${text}\n`)],
    ]),
  };
}

/**
 * @throws MlschedError `MLS_MODELS_PLACEMENT_ARTEFACT` for another model, another feature schema, or files
 *   that are missing, damaged or of the wrong size.
 */
export function loadPlacementModel(artefact: ModelArtefact): PlacementModel {
  if (artefact.model !== 'placement') throw placementArtefactInvalid(`this is a ${artefact.model} model`);
  const manifest = readManifest(artefact);
  const shape: NetworkShape = {
    inputs: ROW_COUNT,
    contextInputs: CONTEXT_COUNT,
    hidden: manifest.hidden,
    valueHidden: manifest.valueHidden,
  };
  return {
    shape,
    parameters: unpackWeights(shape, fileOf(artefact, WEIGHTS_FILE)),
    normalisation: {
      mean: Float32Array.from(manifest.mean),
      inverseSd: Float32Array.from(manifest.inverseSd),
    },
    advantageError: manifest.advantageError,
  };
}

/** The ONNX file of a policy. */
export function policyBytes(artefact: ModelArtefact): Uint8Array {
  return fileOf(artefact, POLICY_FILE);
}

function readManifest(artefact: ModelArtefact): z.infer<typeof manifestSchema> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(fileOf(artefact, MANIFEST_FILE)));
  } catch {
    throw placementArtefactInvalid(`${MANIFEST_FILE} is not JSON`);
  }
  const result = manifestSchema.safeParse(parsed);
  if (!result.success) throw placementArtefactInvalid(`${MANIFEST_FILE}: ${result.error.issues[0]?.message}`);
  const { schemaVersion, features, contextFeatures, mean, inverseSd } = result.data;
  const isSame =
    schemaVersion === PLACEMENT_SCHEMA_VERSION &&
    features.join() === CANDIDATE_FEATURES.join() &&
    contextFeatures.join() === CONTEXT_FEATURES.join();
  if (!isSame) {
    throw placementArtefactInvalid(
      `it expects features of schema ${schemaVersion}, this version gives ${PLACEMENT_SCHEMA_VERSION}`,
    );
  }
  if (mean.length !== ROW_COUNT || inverseSd.length !== ROW_COUNT) {
    throw placementArtefactInvalid('its normalisation does not fit its features');
  }
  return result.data;
}

function fileOf(artefact: ModelArtefact, name: string): Uint8Array {
  const bytes = artefact.files.get(name);
  if (bytes === undefined) throw placementArtefactInvalid(`file ${name} is missing`);
  return bytes;
}

function packWeights(shape: NetworkShape, parameters: Parameters): Uint8Array {
  const specs = parameterSpecs(shape);
  const all = new Float32Array(specs.reduce((sum, { dims }) => sum + elementCount(dims), 0));
  let at = 0;
  for (const { name, dims } of specs) {
    all.set(parameters.get(name) ?? [], at);
    at += elementCount(dims);
  }
  return new Uint8Array(all.buffer);
}

function unpackWeights(shape: NetworkShape, bytes: Uint8Array): Parameters {
  const specs = parameterSpecs(shape);
  const expected = specs.reduce((sum, { dims }) => sum + elementCount(dims), 0) * 4;
  if (bytes.byteLength !== expected) {
    throw placementArtefactInvalid(`${WEIGHTS_FILE} has ${bytes.byteLength} bytes, expected ${expected}`);
  }
  const all = new Float32Array(bytes.slice().buffer);
  if (!all.every(Number.isFinite))
    throw placementArtefactInvalid(`${WEIGHTS_FILE} holds a number that is not finite`);
  let at = 0;
  return new Map(
    specs.map(({ name, dims }) => {
      const begin = at;
      at += elementCount(dims);
      return [name, all.slice(begin, at)];
    }),
  );
}
