import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readLoadSeries } from '#collect';
import type { LoadTarget, RawLoadSeries } from '#domain';
import {
  COARSE_STEP_MS,
  createFeatureWriter,
  createNodeState,
  createPeerTable,
  ENTITY_KEYS,
  featureView,
  observeLoad,
  phasedSeries,
  replayNodeState,
  replayRows,
  samplesOf,
  writeCluster,
  type FeatureView,
  type FeatureViewName,
  type NodeState,
} from '#features';
import { MlschedError } from '#kernel/errors';
import { nearestName } from '#kernel/nearest-name';
import type { Progress } from '#kernel/progress';
import { SECOND_MS } from '#kernel/units';
import { listFiles, readJson, writeJson, writeParquet, type WriteColumn } from '#platform/files';

/** Views that a history of node load is enough for. */
const BUILDABLE_VIEWS = ['node_state', 'node_load_cpu', 'node_load_memory', 'cluster_state'] as const;
type BuildableView = (typeof BUILDABLE_VIEWS)[number];

export interface BuildFeaturesOptions {
  /** A store of collected metrics, or a folder of load Parquet files. */
  readonly dataDirectory: string;
  /** Receives a folder a view, each with a Parquet file an entity, and `features.json`. */
  readonly outDirectory: string;
  readonly views: readonly BuildableView[];
  /** Distance of two rows, a multiple of 30; the forecast's rows come every 300 s whatever it is. */
  readonly stepSeconds: number;
  /** Name of the cluster in its rows. */
  readonly cluster: string;
  readonly progress: Progress;
}

const BuiltView = z.object({
  version: z.string(),
  stepSeconds: z.number(),
  entities: z.number(),
  rows: z.number(),
  startMs: z.number(),
  endMs: z.number(),
});
const BuiltFeatures = z.object({ schemaVersion: z.literal(1), views: z.record(z.string(), BuiltView) });

/** What a folder of built features holds, by view. */
export type BuiltFeatures = z.infer<typeof BuiltFeatures>;
type BuiltView = z.infer<typeof BuiltView>;

/** @throws MlschedError `MLS_FILES_MISSING`, `MLS_FILES_BAD_JSON`. */
export function readBuiltFeatures(directory: string): Promise<BuiltFeatures> {
  return readJson(join(directory, 'features.json'), BuiltFeatures);
}

/**
 * Computes features of a history and stores them as Feast's file sources read them.
 *
 * Each file is written whole or not at all, and `features.json` last; views that were built before stay.
 *
 * @throws MlschedError those of `readLoadSeries`; `MLS_SERVICES_FEATURE_STEP`.
 */
export async function buildFeatures(options: BuildFeaturesOptions): Promise<BuiltFeatures> {
  const { outDirectory, stepSeconds, progress } = options;
  if (stepSeconds % 30 !== 0 || stepSeconds <= 0) throw stepInvalid(stepSeconds);
  const series = await readLoadSeries(loadDirectory(options.dataDirectory), { progress });
  const before = existsSync(join(outDirectory, 'features.json'))
    ? await readBuiltFeatures(outDirectory)
    : undefined;
  const views: Record<string, BuiltView> = { ...before?.views };
  for (const name of options.views) {
    const built = await buildView(featureView(name), rowsOf(name, series, options), options);
    if (built !== undefined) views[name] = built;
  }
  const manifest: BuiltFeatures = { schemaVersion: 1, views };
  await writeJson(join(outDirectory, 'features.json'), manifest);
  return manifest;
}

/** A store keeps the rows of its nodes in a folder of their own. */
export function loadDirectory(directory: string): string {
  const nodes = join(directory, 'nodes');
  return existsSync(nodes) ? nodes : directory;
}

/**
 * Names of views that a person gave.
 *
 * @throws MlschedError `MLS_SERVICES_FEATURE_VIEW`.
 */
export function checkViews(names: readonly string[]): BuildableView[] {
  return names.map((name) => {
    const known = BUILDABLE_VIEWS.find((view) => view === name);
    if (known === undefined) throw viewUnknown(name);
    return known;
  });
}

function viewUnknown(name: string): MlschedError {
  return new MlschedError('MLS_SERVICES_FEATURE_VIEW', `there is no view ${name} that can be built`, {
    kind: 'invalid-input',
    hint: `Did you mean ${nearestName(name, BUILDABLE_VIEWS)}? It may be ${BUILDABLE_VIEWS.join(', ')}.`,
    details: { name },
  });
}

function stepInvalid(stepSeconds: number): MlschedError {
  return new MlschedError('MLS_SERVICES_FEATURE_STEP', `rows cannot be ${stepSeconds} s apart`, {
    kind: 'invalid-input',
    hint: 'Give a multiple of 30 s, the width of a window.',
    details: { stepSeconds },
  });
}

/** Rows of one entity. */
interface EntityRows {
  readonly entity: readonly string[];
  readonly timesMs: Float64Array;
  readonly values: Float32Array;
}

function* rowsOf(
  name: BuildableView,
  series: readonly RawLoadSeries[],
  options: BuildFeaturesOptions,
): Generator<EntityRows> {
  if (name === 'node_state') {
    for (const raw of series) {
      const timesMs = gridOf([raw], options.stepSeconds);
      yield { entity: [raw.machine], timesMs, values: replayNodeState(raw, timesMs) };
    }
    return;
  }
  if (name === 'cluster_state') yield clusterRows(series, options);
  else yield* forecastRows(series, name === 'node_load_cpu' ? 'cpu' : 'memory');
}

/** Window ends from the first sample of all series to the last. */
function gridOf(series: readonly RawLoadSeries[], stepSeconds: number): Float64Array {
  const stepMs = stepSeconds * SECOND_MS;
  const known = series.filter(({ timesMs }) => timesMs.length > 0);
  const first = Math.min(...known.map(({ timesMs }) => Math.ceil((timesMs[0] as number) / stepMs)));
  const last = Math.max(...known.map(({ timesMs }) => Math.ceil((timesMs.at(-1) as number) / stepMs)));
  const length = known.length === 0 ? 0 : last - first + 1;
  return Float64Array.from({ length }, (_, i) => (first + i) * stepMs);
}

function clusterRows(series: readonly RawLoadSeries[], options: BuildFeaturesOptions): EntityRows {
  const width = featureView('cluster_state').features.length;
  const timesMs = gridOf(series, options.stepSeconds);
  const values = new Float32Array(timesMs.length * width);
  const nodes = series.map(({ machine }) => createNodeState(machine));
  const next = new Int32Array(series.length);
  for (const [row, originMs] of timesMs.entries()) {
    for (const [i, raw] of series.entries()) {
      let at = next[i] as number;
      for (; at < raw.timesMs.length && (raw.timesMs[at] as number) <= originMs; at++) {
        const memory = raw.memoryUsageRatio?.[at] ?? Number.NaN;
        observeLoad(
          nodes[i] as NodeState,
          raw.timesMs[at] as number,
          raw.cpuUsageRatio[at] as number,
          memory,
        );
      }
      next[i] = at;
    }
    writeCluster({ nodes: nodes.filter(({ lastMs }) => lastMs > -Infinity) }, originMs, values, row * width);
  }
  return { entity: [options.cluster], timesMs, values };
}

function* forecastRows(series: readonly RawLoadSeries[], target: LoadTarget): Generator<EntityRows> {
  const measured = series.filter((raw) => samplesOf(raw, target) !== undefined);
  const grids = measured.map((raw) => phasedSeries(raw, 0));
  const peers = createPeerTable(grids, target);
  const writer = createFeatureWriter();
  for (const [i, raw] of measured.entries()) {
    const grid = grids[i];
    if (grid === undefined) continue;
    const originsMs = Float64Array.from(
      { length: grid.length },
      (_, at) => grid.startMs + at * COARSE_STEP_MS,
    );
    const peersAt = (originMs: number) => peers.at(grid, originMs);
    const { values } = replayRows({ raw, target, originsMs, peersAt }, writer);
    yield { entity: [raw.machine], timesMs: originsMs, values };
  }
}

async function buildView(
  view: FeatureView,
  entities: Iterable<EntityRows>,
  { outDirectory, stepSeconds, progress }: BuildFeaturesOptions,
): Promise<BuiltView | undefined> {
  const folder = join(outDirectory, view.name);
  const written = new Set<string>();
  const built = { entities: 0, rows: 0, startMs: Infinity, endMs: -Infinity };
  for (const rows of entities) {
    if (rows.timesMs.length === 0) continue;
    progress.report(written.size, 0, `building ${view.name}`);
    const path = join(folder, `${rows.entity.map(encodeURIComponent).join(' ')}.parquet`);
    await writeParquet(path, tableOf(view, rows));
    written.add(path);
    built.entities += 1;
    built.rows += rows.timesMs.length;
    built.startMs = Math.min(built.startMs, rows.timesMs[0] as number);
    built.endMs = Math.max(built.endMs, rows.timesMs.at(-1) as number);
  }
  if (written.size === 0) return undefined;
  // What an earlier build knew of entities that are gone would be served as if it were of this one.
  for (const path of await listFiles(folder, '.parquet')) if (!written.has(path)) await rm(path);
  const isForecast = view.name === 'node_load_cpu' || view.name === 'node_load_memory';
  return { version: view.version, stepSeconds: isForecast ? view.stepSeconds : stepSeconds, ...built };
}

function tableOf(view: FeatureView, { entity, timesMs, values }: EntityRows): WriteColumn[] {
  const width = view.features.length;
  const codes = new Int32Array(timesMs.length);
  return [
    ...ENTITY_KEYS[view.entity].map((name, i): WriteColumn => ({
      name,
      type: 'text',
      values: { dictionary: [entity[i] as string], codes },
    })),
    { name: 'event_timestamp', type: 'time', values: timesMs },
    ...view.features.map(({ name }, i): WriteColumn => {
      const column = new Float32Array(timesMs.length);
      for (let row = 0; row < column.length; row++) column[row] = values[row * width + i] as number;
      return { name, type: 'float', values: column };
    }),
  ];
}

/** As a client of the online store must know a view. */
export function onlineViewOf(name: FeatureViewName) {
  const view = featureView(name);
  return {
    name,
    joinKeys: ENTITY_KEYS[view.entity],
    features: view.features.map((feature) => feature.name),
    ttlSeconds: view.ttlSeconds,
  };
}
