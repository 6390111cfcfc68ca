import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assessQuality, readLoadHistory } from '#collect';
import type { ModelArtefact, ModelName } from '#domain';
import { MlschedError } from '#kernel/errors';
import type { Progress } from '#kernel/progress';
import { formatPercent } from '#kernel/units';
import type { ExperimentTracker, ModelMetadata, ModelRegistry, ModelVersion } from '#registry';
import { trainAnomaly, trainForecast, trainPlacement } from '#training';
import type { PlacementCurves } from '#training';
import { hashInputs } from './input-hash.ts';

/** What is trained, in the order in which one model may use another. */
const TRAINING_ORDER = ['load-forecast', 'node-anomaly', 'placement'] as const satisfies readonly ModelName[];

export interface TrainOptions {
  readonly models: readonly ModelName[];
  /** Models that are there already, for those that build on them. */
  readonly known?: ReadonlyMap<string, ModelArtefact>;
  /** Folder of load Parquet files: for the forecast and for node health. */
  readonly loadDirectory: string;
  /** Root of the placement traces. */
  readonly placementRoot: string;
  readonly registry: ModelRegistry;
  /** Notes what the forecast learned; nothing is noted when absent. */
  readonly tracker?: ExperimentTracker;
  /** For checkpoints of unfinished training. */
  readonly stateDirectory: string;
  readonly budget: 'demo' | 'full';
  readonly seed: number;
  /** Train although the history is below the quality bar. */
  readonly isForced: boolean;
  readonly tags: Readonly<Record<string, string>>;
  /** Keeps the forecast of an earlier model and adds to it, and which of the history it then looks at. */
  readonly forecast?: { readonly continueFrom?: ModelArtefact; readonly lastDays?: number };
  /** Alias that is pointed to the new versions; none is moved when absent. */
  readonly alias?: string;
  readonly progress: Progress;
}

export interface TrainedVersion {
  readonly version: ModelVersion;
  readonly artefact: ModelArtefact;
  /** How the placement model learned; undefined for the others. */
  readonly curves: PlacementCurves | undefined;
}

interface Trained {
  readonly artefact: ModelArtefact;
  readonly metadata: ModelMetadata;
  readonly curves?: PlacementCurves;
}

/**
 * Trains models, stores them in the registry and points the alias to them.
 *
 * @throws MlschedError `MLS_SERVICES_QUALITY` when the history is below the bar and training was not forced; else as
 *   the training functions.
 */
export async function trainModels(options: TrainOptions): Promise<TrainedVersion[]> {
  const { registry } = options;
  const artefacts = new Map(options.known);
  const trained: TrainedVersion[] = [];
  if (options.models.some((model) => model !== 'placement')) await requireQuality(options);
  for (const model of TRAINING_ORDER) {
    if (!options.models.includes(model)) continue;
    const { artefact, metadata, curves } = await TRAINERS[model](options, artefacts);
    artefacts.set(model, artefact);
    const tags = { ...options.tags, budget: options.budget };
    const version = await registry.register(artefact, { ...metadata, tags });
    if (options.alias !== undefined) await registry.setAlias(model, options.alias, version.version);
    await rm(checkpointRoot(options, model), { recursive: true, force: true });
    trained.push({ version, artefact, curves });
  }
  return trained;
}

/** Unfinished training of a model; removed once the model is stored. */
function checkpointRoot({ stateDirectory }: TrainOptions, model: ModelName): string {
  return join(stateDirectory, 'checkpoints', model);
}

type Trainer = (options: TrainOptions, artefacts: ReadonlyMap<string, ModelArtefact>) => Promise<Trained>;

const TRAINERS: Readonly<Record<ModelName, Trainer>> = {
  async 'load-forecast'({ loadDirectory, budget, seed, progress, tracker, forecast = {} }) {
    const { artefact, metrics } = await trainForecast({
      dataDirectory: loadDirectory,
      budget,
      seed,
      progress,
      ...(tracker === undefined ? {} : { tracker }),
      ...forecast,
    });
    const isWarm = forecast.continueFrom !== undefined;
    return { artefact, metadata: { metrics, parameters: { seed, isWarm } } };
  },
  async 'node-anomaly'({ loadDirectory, budget, seed, progress }) {
    const { artefact, metrics } = await trainAnomaly({
      dataDirectory: loadDirectory,
      budget,
      seed,
      progress,
    });
    return { artefact, metadata: { metrics, parameters: { seed } } };
  },
  async placement(options, artefacts) {
    const { placementRoot, budget, seed, progress } = options;
    // A checkpoint goes on only with what it was begun with.
    const key = await hashInputs([placementRoot], [budget, String(seed)], artefacts.values());
    const { artefact, curves, convergedAtEpisode } = await trainPlacement({
      dataDirectory: placementRoot,
      budget,
      seed,
      progress,
      artefacts,
      checkpointDirectory: join(checkpointRoot(options, 'placement'), key),
    });
    const metadata = {
      metrics: { convergedAtEpisode, bestEpisode: curves.bestEpisode },
      parameters: { seed },
    };
    return { artefact, metadata, curves };
  },
};

async function requireQuality({ loadDirectory, isForced, progress }: TrainOptions): Promise<void> {
  if (isForced) return;
  const { series, findings } = await readLoadHistory(loadDirectory, { progress });
  const report = assessQuality(series, { findings });
  if (report.verdict === 'pass') return;
  throw new MlschedError(
    'MLS_SERVICES_QUALITY',
    `the history in ${loadDirectory} scores ${formatPercent(report.score)}, below the bar of ${formatPercent(report.barRatio, 0)}`,
    {
      kind: 'invalid-input',
      hint: "Run 'mlsched quality' on it to see which machines fail and why; leave them out, or train all the same with --force.",
      details: { directory: loadDirectory, score: report.score },
    },
  );
}
