import {
  HORIZON_MINUTES,
  LOAD_TARGETS,
  type HorizonMinutes,
  type LoadTarget,
  type ModelArtefact,
} from '#domain';
import { FEATURE_COUNT, FEATURE_SCHEMA_VERSION } from '#features';
import { isMlschedError, messageOf } from '#kernel/errors';
import { loadPredictor, type LoadPredictorOptions, type Predictor } from '#native';

import { artefactCorrupt, schemaMismatch } from './errors.ts';
import type { ConformalOffsets, HorizonCalibration, HorizonFit } from './types.ts';

/** Version of the meaning of the artefact's files. It names the features: other features, other model. */
export const FORECAST_SCHEMA_VERSION = `load-forecast-2.${FEATURE_SCHEMA_VERSION}`;

const MANIFEST = 'forecast.json';

/** One trained (resource, horizon) as bytes. */
export interface FittedHorizon {
  readonly fit: HorizonFit;
  readonly medians: readonly Uint8Array[];
  readonly interval: Uint8Array;
  readonly calibration: HorizonCalibration;
}

/** One loaded (resource, horizon). */
export interface HorizonModel {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  readonly medians: readonly Predictor[];
  /** Two outputs a row: 5 % and 95 %. */
  readonly interval: Predictor;
  readonly calibration: HorizonCalibration;
}

interface Manifest {
  readonly machines: readonly string[];
  readonly horizons: readonly ManifestEntry[];
}

interface ManifestEntry {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  readonly medians: readonly string[];
  readonly interval: string;
  readonly calibration: HorizonCalibration;
}

/**
 * Packs the boosters, XGBoost's own UBJ files, beside a manifest.
 *
 * @param machines - Names of the machines that training saw.
 */
export function saveForecast(fitted: readonly FittedHorizon[], machines: readonly string[]): ModelArtefact {
  const files = new Map<string, Uint8Array>();
  const horizons = fitted.map((one): ManifestEntry => {
    const { target, horizonMinutes } = one.fit;
    const prefix = `${target}-${horizonMinutes}m`;
    const medians = one.medians.map((bytes, i) => {
      files.set(`${prefix}-median-${i}.ubj`, bytes);
      return `${prefix}-median-${i}.ubj`;
    });
    files.set(`${prefix}-interval.ubj`, one.interval);
    return {
      target,
      horizonMinutes,
      medians,
      interval: `${prefix}-interval.ubj`,
      calibration: one.calibration,
    };
  });
  files.set(MANIFEST, encodeManifest({ machines, horizons }));
  return { model: 'load-forecast', schemaVersion: FORECAST_SCHEMA_VERSION, files };
}

/**
 * Joins artefacts of different resources and horizons into one.
 *
 * @throws MlschedError as `loadForecaster` for a part that cannot be read.
 */
export function mergeForecasts(parts: readonly ModelArtefact[]): ModelArtefact {
  const files = new Map(parts.flatMap((part) => [...part.files]));
  const manifests = parts.map(readManifest);
  const machines = [...new Set(manifests.flatMap((manifest) => manifest.machines))].sort();
  const horizons = manifests.flatMap((manifest) => manifest.horizons);
  files.set(MANIFEST, encodeManifest({ machines, horizons }));
  return { model: 'load-forecast', schemaVersion: FORECAST_SCHEMA_VERSION, files };
}

function encodeManifest(manifest: Manifest): Uint8Array {
  const document = { schemaVersion: FORECAST_SCHEMA_VERSION, ...manifest };
  return new TextEncoder().encode(JSON.stringify(document, null, 2));
}

/** The bytes of the median models of one (resource, horizon). */
export interface MedianFiles {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  readonly files: readonly Uint8Array[];
}

/**
 * The median models as bytes, to go on training from them or to look into them.
 *
 * @throws MlschedError `MLS_FORECAST_SCHEMA`, `MLS_FORECAST_CORRUPT`.
 */
export function medianFiles(artefact: ModelArtefact): MedianFiles[] {
  return readManifest(artefact).horizons.map(({ target, horizonMinutes, medians }) => ({
    target,
    horizonMinutes,
    files: medians.map((name) => {
      const bytes = artefact.files.get(name);
      if (bytes === undefined) throw artefactCorrupt(`file ${name} is missing`);
      return bytes;
    }),
  }));
}

/** Names of the machines that a model was trained on. */
export function trainedMachines(artefact: ModelArtefact): readonly string[] {
  return readManifest(artefact).machines;
}

/**
 * Reads an artefact.
 *
 * @throws MlschedError `MLS_FORECAST_SCHEMA` for another schema, `MLS_FORECAST_CORRUPT` for a missing file, a
 *   damaged manifest or booster, a booster of other features, or another model's artefact.
 */
export function loadHorizons(artefact: ModelArtefact, options: LoadPredictorOptions): HorizonModel[] {
  if (artefact.model !== 'load-forecast') throw artefactCorrupt(`it is a ${artefact.model} model`);
  if (artefact.schemaVersion !== FORECAST_SCHEMA_VERSION) {
    throw schemaMismatch(artefact.schemaVersion, FORECAST_SCHEMA_VERSION);
  }
  const loaded: Predictor[] = [];
  const load = (name: string, outputs: number): Predictor => {
    const predictor = openPredictor(artefact, name, options);
    loaded.push(predictor);
    if (predictor.featureCount === FEATURE_COUNT && predictor.outputCount === outputs) return predictor;
    throw artefactCorrupt(
      `${name} has ${predictor.featureCount} features and ${predictor.outputCount} outputs`,
    );
  };
  try {
    return readManifest(artefact).horizons.map((entry) => ({
      target: entry.target,
      horizonMinutes: entry.horizonMinutes,
      medians: entry.medians.map((name) => load(name, 1)),
      interval: load(entry.interval, 2),
      calibration: entry.calibration,
    }));
  } catch (error) {
    for (const predictor of loaded) predictor.free();
    throw error;
  }
}

function openPredictor(artefact: ModelArtefact, name: string, options: LoadPredictorOptions): Predictor {
  const bytes = artefact.files.get(name);
  if (bytes === undefined) throw artefactCorrupt(`file ${name} is missing`);
  try {
    return loadPredictor(bytes, options);
  } catch (error) {
    if (isMlschedError(error) && error.kind === 'unavailable') throw error;
    throw artefactCorrupt(`${name}: ${messageOf(error)}`, error);
  }
}

function readManifest(artefact: ModelArtefact): Manifest {
  const bytes = artefact.files.get(MANIFEST);
  if (bytes === undefined) throw artefactCorrupt(`file ${MANIFEST} is missing`);
  const manifest = parseJson(bytes);
  const { schemaVersion, machines, horizons } = manifest as Partial<
    Record<'schemaVersion' | keyof Manifest, unknown>
  >;
  if (schemaVersion !== FORECAST_SCHEMA_VERSION) {
    throw schemaMismatch(String(schemaVersion), FORECAST_SCHEMA_VERSION);
  }
  if (!Array.isArray(horizons) || horizons.length === 0 || !horizons.every(isEntry)) {
    throw artefactCorrupt(`${MANIFEST} names no usable models`);
  }
  if (!Array.isArray(machines) || !machines.every((name) => typeof name === 'string')) {
    throw artefactCorrupt(`${MANIFEST} does not name the machines it was trained on`);
  }
  return { machines, horizons };
}

function parseJson(bytes: Uint8Array): object {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch (error) {
    throw artefactCorrupt(`${MANIFEST}: ${messageOf(error)}`, error);
  }
  throw artefactCorrupt(`${MANIFEST} is not an object`);
}

function isEntry(value: unknown): value is ManifestEntry {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Partial<Record<keyof ManifestEntry, unknown>>;
  return (
    LOAD_TARGETS.includes(entry.target as LoadTarget) &&
    HORIZON_MINUTES.includes(entry.horizonMinutes as HorizonMinutes) &&
    Array.isArray(entry.medians) &&
    entry.medians.length > 0 &&
    entry.medians.every((name) => typeof name === 'string') &&
    typeof entry.interval === 'string' &&
    isCalibration(entry.calibration)
  );
}

function isCalibration(value: unknown): boolean {
  const calibration = value as Partial<HorizonCalibration> | null | undefined;
  return (
    areOffsets(calibration?.settled) &&
    areOffsets(calibration?.young) &&
    Number.isFinite(calibration?.announcePosition)
  );
}

function areOffsets(value: unknown): boolean {
  const offsets = value as Partial<ConformalOffsets> | null | undefined;
  return Number.isFinite(offsets?.low) && Number.isFinite(offsets?.high);
}
