import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { MlschedError } from '#kernel/errors';
import { PLACEMENT_SCHEMA_VERSION } from '#models/placement';
import type { LearnerState, ReplaySnapshot } from '#models/placement';
import { writeFileAtomic } from '#platform/files';

import type { PlacementTrainingConfig } from './placement-config.ts';
import type { PlacementCurves } from './placement-curves.ts';

/** Everything that a placement training needs to go on bit for bit where it stopped. */
export interface PlacementCheckpoint {
  readonly seed: number;
  /** Episodes done. */
  readonly episode: number;
  readonly learner: LearnerState;
  readonly replay: ReplaySnapshot;
  readonly normalisationMean: Float32Array;
  readonly normalisationInverseSd: Float32Array;
  /** Weights of the best network so far by name; empty before the first validation. */
  readonly best: ReadonlyMap<string, Float32Array>;
  readonly curves: PlacementCurves;
}

const FILE = 'placement.checkpoint';
const FORMAT = 'mlsched-placement-checkpoint-1';

interface Header {
  readonly format: string;
  readonly schemaVersion: string;
  readonly config: string;
  readonly seed: number;
  readonly episode: number;
  readonly steps: number;
  readonly replay: { readonly next: number; readonly filled: number; readonly largestPriority: number };
  readonly curves: PlacementCurves;
  /** Arrays that follow the header, in order: name and length. */
  readonly arrays: readonly (readonly [string, number])[];
}

/** Writes the checkpoint whole or not at all. */
export async function writeCheckpoint(
  directory: string,
  config: PlacementTrainingConfig,
  checkpoint: PlacementCheckpoint,
): Promise<void> {
  const arrays = listArrays(checkpoint);
  const { replay, learner } = checkpoint;
  const header: Header = {
    format: FORMAT,
    schemaVersion: PLACEMENT_SCHEMA_VERSION,
    config: JSON.stringify(config),
    seed: checkpoint.seed,
    episode: checkpoint.episode,
    steps: learner.steps,
    replay: { next: replay.next, filled: replay.filled, largestPriority: replay.largestPriority },
    curves: checkpoint.curves,
    arrays: arrays.map(([name, values]) => [name, values.length] as const),
  };
  const text = Buffer.from(`${JSON.stringify(header)}\n`);
  const bytes = arrays.map(([, values]) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  await writeFileAtomic(join(directory, FILE), Buffer.concat([text, ...bytes]));
}

function listArrays(checkpoint: PlacementCheckpoint): [string, Float32Array][] {
  const prefixed = (prefix: string, values: ReadonlyMap<string, Float32Array>): [string, Float32Array][] =>
    [...values].map(([name, array]) => [`${prefix}/${name}`, array]);
  return [
    ...prefixed('learner', checkpoint.learner.tensors),
    ...prefixed('replay', checkpoint.replay.arrays),
    ...prefixed('best', checkpoint.best),
    ['normalisation/mean', checkpoint.normalisationMean],
    ['normalisation/inverseSd', checkpoint.normalisationInverseSd],
  ];
}

/**
 * Reads a checkpoint.
 *
 * @returns `undefined` when the directory holds none.
 * @throws MlschedError `MLS_TRAINING_CHECKPOINT` when it is damaged, or was written by another version, seed
 *   or configuration: it is left as it is.
 */
export async function readCheckpoint(
  directory: string,
  config: PlacementTrainingConfig,
  seed: number,
): Promise<PlacementCheckpoint | undefined> {
  const file = join(directory, FILE);
  const bytes = await readFile(file).catch(() => undefined);
  if (bytes === undefined) return undefined;
  const header = parseHeader(bytes, file);
  const isSame = header.schemaVersion === PLACEMENT_SCHEMA_VERSION && header.seed === seed;
  if (!isSame || header.config !== JSON.stringify(config)) {
    throw checkpointInvalid(file, 'was written by another version, seed or configuration');
  }
  return unpack(header, readArrays(bytes, header, file));
}

function parseHeader(bytes: Buffer, file: string): Header {
  const end = bytes.indexOf(0x0a);
  try {
    const header = JSON.parse(bytes.subarray(0, Math.max(end, 0)).toString()) as Header;
    if (header.format === FORMAT) return header;
  } catch {
    // Falls through: not a header.
  }
  throw checkpointInvalid(file, 'is not a checkpoint');
}

function readArrays(bytes: Buffer, header: Header, file: string): Map<string, Float32Array> {
  let at = bytes.indexOf(0x0a) + 1;
  const arrays = new Map<string, Float32Array>();
  for (const [name, length] of header.arrays) {
    const part = bytes.subarray(at, at + 4 * length);
    if (part.byteLength !== 4 * length) throw checkpointInvalid(file, 'is cut off');
    arrays.set(name, new Float32Array(Uint8Array.from(part).buffer));
    at += 4 * length;
  }
  return arrays;
}

function unpack(header: Header, arrays: ReadonlyMap<string, Float32Array>): PlacementCheckpoint {
  const under = (prefix: string): Map<string, Float32Array> =>
    new Map(
      [...arrays].flatMap(([name, values]) =>
        name.startsWith(`${prefix}/`) ? [[name.slice(prefix.length + 1), values] as const] : [],
      ),
    );
  const normalisation = under('normalisation');
  return {
    seed: header.seed,
    episode: header.episode,
    learner: { steps: header.steps, tensors: under('learner') },
    replay: { ...header.replay, arrays: under('replay') },
    normalisationMean: normalisation.get('mean') as Float32Array,
    normalisationInverseSd: normalisation.get('inverseSd') as Float32Array,
    best: under('best'),
    curves: header.curves,
  };
}

function checkpointInvalid(file: string, reason: string): MlschedError {
  return new MlschedError('MLS_TRAINING_CHECKPOINT', `checkpoint ${file} ${reason}`, {
    kind: 'conflict',
    hint: 'Use another checkpoint directory, or remove the file to start anew.',
    details: { file },
  });
}
