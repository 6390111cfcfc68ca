import { constants } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '#kernel/errors';
import { formatBytes, GIB } from '#kernel/units';
import { xgboostAvailability } from '#native';

/** One thing that was looked at. */
export interface DoctorCheck {
  readonly name: string;
  readonly level: 'OK' | 'WARNING' | 'ERROR';
  readonly found: string;
  /** What to do; absent when all is well. */
  readonly advice: string | undefined;
}

export interface DoctorOptions {
  readonly dataRoot: string;
  readonly stateDirectory: string;
}

const MIN_NODE_MAJOR = 24;
const MIN_MEMORY_BYTES = 2 * GIB;
const MIN_DISK_BYTES = GIB;

/** Looks at everything the product stands on. Never throws: a check that fails is an answer. */
export async function examineMachine(options: DoctorOptions): Promise<DoctorCheck[]> {
  return [
    checkNode(),
    checkXgboost(),
    await checkOnnx(),
    await checkDuckdb(),
    await checkData(options.dataRoot),
    await checkState(options.stateDirectory),
    await checkDisk(options.stateDirectory),
    checkMemory(),
  ];
}

function ok(name: string, found: string): DoctorCheck {
  return { name, level: 'OK', found, advice: undefined };
}

function checkNode(): DoctorCheck {
  const version = process.versions.node;
  const name = 'node';
  if (Number(version.split('.')[0]) >= MIN_NODE_MAJOR) return ok(name, version);
  return {
    name,
    level: 'ERROR',
    found: version,
    advice: `run 'make setup', which installs Node ${MIN_NODE_MAJOR} into the clone`,
  };
}

function checkXgboost(): DoctorCheck {
  const name = 'libxgboost';
  const state = xgboostAvailability();
  if (state.kind === 'available') return ok(name, state.version);
  return {
    name,
    level: 'WARNING',
    found: `not usable: ${state.reason}`,
    advice: `${state.hint} Until then models are served by the tree walk; training is not possible.`,
  };
}

async function checkOnnx(): Promise<DoctorCheck> {
  const name = 'onnxruntime';
  try {
    const onnx = await import('onnxruntime-node');
    return ok(name, onnx.env.versions.node ?? onnx.env.versions.common);
  } catch (error) {
    return {
      name,
      level: 'ERROR',
      found: messageOf(error),
      advice: "run 'make setup' again; the placement model needs it",
    };
  }
}

async function checkDuckdb(): Promise<DoctorCheck> {
  const name = 'duckdb';
  try {
    const duckdb = await import('@duckdb/node-api');
    return ok(name, duckdb.version());
  } catch (error) {
    return {
      name,
      level: 'ERROR',
      found: messageOf(error),
      advice: "run 'make setup' again; Parquet is read with it",
    };
  }
}

const DATA_FOLDERS = ['smd-nodes', 'smd', 'google-vms', 'azure-arrivals', 'openb'];

async function checkData(root: string): Promise<DoctorCheck> {
  const name = 'data';
  const found = await Promise.all(DATA_FOLDERS.map((folder) => isReadable(join(root, folder))));
  const missing = DATA_FOLDERS.filter((_, at) => found[at] !== true);
  if (missing.length === 0) return ok(name, root);
  return {
    name,
    level: 'WARNING',
    found: `${root} lacks ${missing.join(', ')}`,
    advice: 'give --data, or point MLSCHED_DATA at a folder in the layout of docs/reference/data-formats.md',
  };
}

function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

async function checkState(directory: string): Promise<DoctorCheck> {
  const name = 'state directory';
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
    return ok(name, directory);
  } catch (error) {
    return {
      name,
      level: 'ERROR',
      found: messageOf(error),
      advice: 'set MLSCHED_HOME to a folder that you may write to',
    };
  }
}

async function checkDisk(directory: string): Promise<DoctorCheck> {
  const name = 'free disk';
  try {
    const { bavail, bsize } = await statfs(directory);
    const free = bavail * bsize;
    if (free >= MIN_DISK_BYTES) return ok(name, formatBytes(free));
    return {
      name,
      level: 'WARNING',
      found: formatBytes(free),
      advice: 'free at least 1 GiB, or move MLSCHED_HOME to another disk',
    };
  } catch (error) {
    return {
      name,
      level: 'WARNING',
      found: messageOf(error),
      advice: 'set MLSCHED_HOME to a folder that exists',
    };
  }
}

function checkMemory(): DoctorCheck {
  const name = 'memory and CPUs';
  const found = `${formatBytes(totalmem())}, ${availableParallelism()} CPUs`;
  if (totalmem() >= MIN_MEMORY_BYTES) return ok(name, found);
  return {
    name,
    level: 'WARNING',
    found,
    advice: 'training wants 2 GiB: use a machine with more memory, or fewer machines at once',
  };
}
