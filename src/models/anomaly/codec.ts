import type { ModelArtefact } from '#domain';

import { NODE_ANOMALY_SCHEMA } from './config.ts';
import { artefactInvalid } from './errors.ts';
import type { IsolationForest } from './isolation-forest.ts';
import type { AnomalyModel } from './types.ts';

const HEADER_FILE = 'model.json';
const ARRAYS_FILE = 'arrays.bin';

/** What `model.json` holds; everything long is in `arrays.bin`, little-endian, in the order of `arraysOf`. */
interface Header {
  readonly metricNames: readonly string[];
  readonly stepSeconds: number;
  readonly forestFloor: number;
  readonly alertStrength: number;
  readonly shiftLevel: number;
  readonly featuresPerSplit: number;
  readonly sampleSize: number;
  readonly trees: number;
  readonly exhaustible: readonly number[];
  readonly nodes: number;
}

/**
 * Writes a model as an artefact: `model.json` and `arrays.bin`.
 *
 * @remarks The same model gives the same bytes.
 */
export function saveAnomalyModel(model: AnomalyModel): ModelArtefact {
  const { forest } = model;
  const header: Header = {
    metricNames: model.metricNames,
    stepSeconds: model.stepSeconds,
    forestFloor: model.forestFloor,
    alertStrength: model.alertStrength,
    shiftLevel: model.shiftLevel,
    featuresPerSplit: forest.featuresPerSplit,
    sampleSize: forest.sampleSize,
    trees: forest.roots.length,
    exhaustible: [...model.exhaustible],
    nodes: forest.right.length,
  };
  const files = new Map([
    [HEADER_FILE, new TextEncoder().encode(JSON.stringify(header))],
    [ARRAYS_FILE, joinArrays(arraysOf(model))],
  ]);
  return { model: 'node-anomaly', schemaVersion: NODE_ANOMALY_SCHEMA, files };
}

/**
 * Reads a model back, bit for bit.
 *
 * @throws MlschedError `MLS_MODELS_ANOMALY_ARTEFACT` for another model, another schema version, or bytes that
 *   are missing, cut or make no sense. A changed digit that still makes sense is for the registry to find, which
 *   keeps a hash of every file.
 */
export function loadAnomalyModel(artefact: ModelArtefact): AnomalyModel {
  if (artefact.model !== 'node-anomaly') throw artefactInvalid(`this is a ${artefact.model} model`);
  if (artefact.schemaVersion !== NODE_ANOMALY_SCHEMA) {
    throw artefactInvalid(
      `schema version ${artefact.schemaVersion}, this reader knows ${NODE_ANOMALY_SCHEMA}`,
    );
  }
  const header = readHeader(artefact.files.get(HEADER_FILE));
  const bytes = artefact.files.get(ARRAYS_FILE);
  if (bytes === undefined) throw artefactInvalid(`${ARRAYS_FILE} is missing`);
  const model = emptyModel(header);
  splitArrays(bytes, arraysOf(model));
  checkModel(model);
  return model;
}

type NumberArray = Float64Array | Float32Array | Int32Array;

/** The arrays of a model in their stored order; 8-byte elements first keep every offset aligned. */
function arraysOf({
  scales,
  dailyExtremes,
  largestDeviations,
  largestRises,
  shiftScales,
  forest,
}: AnomalyModel): NumberArray[] {
  const { roots, features, weights, thresholds, right, pathLengths } = forest;
  return [
    scales,
    dailyExtremes,
    largestDeviations,
    largestRises,
    shiftScales,
    roots,
    features,
    weights,
    thresholds,
    right,
    pathLengths,
  ];
}

function emptyModel(header: Header): AnomalyModel {
  const { nodes, featuresPerSplit } = header;
  const metrics = header.metricNames.length;
  const forest: IsolationForest = {
    featureCount: metrics,
    featuresPerSplit,
    sampleSize: header.sampleSize,
    roots: new Int32Array(header.trees),
    features: new Int32Array(nodes * featuresPerSplit),
    weights: new Float32Array(featuresPerSplit > 1 ? nodes * featuresPerSplit : 0),
    thresholds: new Float32Array(nodes),
    right: new Int32Array(nodes),
    pathLengths: new Float32Array(nodes),
  };
  return {
    metricNames: header.metricNames,
    stepSeconds: header.stepSeconds,
    scales: new Float64Array(metrics),
    dailyExtremes: new Float64Array(metrics),
    largestDeviations: new Float64Array(metrics),
    exhaustible: Int32Array.from(header.exhaustible),
    largestRises: new Float64Array(header.exhaustible.length),
    forest,
    forestFloor: header.forestFloor,
    alertStrength: header.alertStrength,
    shiftScales: new Float64Array(metrics),
    shiftLevel: header.shiftLevel,
  };
}

function joinArrays(arrays: readonly NumberArray[]): Uint8Array {
  const bytes = new Uint8Array(arrays.reduce((sum, array) => sum + array.byteLength, 0));
  let offset = 0;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), offset);
    offset += array.byteLength;
  }
  return bytes;
}

function splitArrays(bytes: Uint8Array, arrays: readonly NumberArray[]): void {
  const expected = arrays.reduce((sum, array) => sum + array.byteLength, 0);
  if (bytes.length !== expected) {
    throw artefactInvalid(`${ARRAYS_FILE} has ${bytes.length} bytes, ${expected} expected`);
  }
  let offset = 0;
  for (const array of arrays) {
    const target = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    target.set(bytes.subarray(offset, offset + array.byteLength));
    offset += array.byteLength;
  }
}

function readHeader(bytes: Uint8Array | undefined): Header {
  if (bytes === undefined) throw artefactInvalid(`${HEADER_FILE} is missing`);
  let header: Partial<Header>;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Partial<Header>;
  } catch {
    throw artefactInvalid(`${HEADER_FILE} is not JSON`);
  }
  const names: unknown = header?.metricNames;
  if (!Array.isArray(names) || names.length === 0 || !names.every((name) => typeof name === 'string')) {
    throw artefactInvalid('it names no metrics');
  }
  if (!isColumnList(header.exhaustible, names.length))
    throw artefactInvalid('its exhaustible metrics are no columns');
  for (const key of ['stepSeconds', 'forestFloor', 'alertStrength', 'shiftLevel'] as const)
    requirePositive(header, key);
  for (const key of ['featuresPerSplit', 'sampleSize', 'trees', 'nodes'] as const) requireCount(header, key);
  return header as Header;
}

function isColumnList(list: unknown, width: number): boolean {
  return Array.isArray(list) && list.every((i) => Number.isInteger(i) && i >= 0 && i < width);
}

/** Larger counts are damage: the largest forest we write has 100 trees of 511 nodes. */
const LARGEST_COUNT = 1e7;

function requirePositive(header: Partial<Header>, key: keyof Header): void {
  const value: unknown = header[key];
  if (typeof value !== 'number' || !(value > 0 && value < Infinity))
    throw artefactInvalid(`${key} is ${String(value)}`);
}

function requireCount(header: Partial<Header>, key: keyof Header): void {
  requirePositive(header, key);
  const value = header[key] as number;
  if (!Number.isInteger(value) || value > LARGEST_COUNT) throw artefactInvalid(`${key} is ${value}`);
}

function checkModel(model: AnomalyModel): void {
  const { scales, dailyExtremes, largestDeviations, largestRises, shiftScales, forest } = model;
  const { featureCount, roots, features, weights, thresholds, right, pathLengths } = forest;
  const nodes = right.length;
  const isFinite = (array: NumberArray): boolean => array.every((value) => Number.isFinite(value));
  const isWithin = (array: Int32Array, limit: number): boolean => array.every((i) => i >= 0 && i < limit);
  if (
    ![scales, largestDeviations, shiftScales].every((part) =>
      part.every((scale) => scale > 0 && scale < Infinity),
    )
  ) {
    throw artefactInvalid('a scale is not above 0');
  }
  if (![dailyExtremes, largestRises].every((part) => part.every((value) => value >= 0 && value < Infinity))) {
    throw artefactInvalid('an extreme is negative');
  }
  if (![weights, thresholds, pathLengths].every(isFinite))
    throw artefactInvalid('the forest has a value that is no number');
  if (!isWithin(roots, nodes) || !isWithin(features, featureCount))
    throw artefactInvalid('the forest points outside');
  // A right child lies behind its parent's left child: so every walk ends.
  for (let node = 0; node < nodes; node++) {
    const child = right[node] as number;
    if (child !== 0 && (child <= node + 1 || child >= nodes)) throw artefactInvalid('the forest has a loop');
  }
}
