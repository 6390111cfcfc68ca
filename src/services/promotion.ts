import { readLoadSeries } from '#collect';
import { MODEL_NAMES } from '#domain';
import type { ModelArtefact, ModelName } from '#domain';
import { isMlschedError, MlschedError } from '#kernel/errors';
import { nearestName } from '#kernel/nearest-name';
import type { Progress } from '#kernel/progress';
import type { ModelReference, ModelRegistry } from '#registry';
import { anomalyGates, CHAMPION, forecastGates, placementGates, promote } from '#training';
import type { AliasMove, Gate, GateReport } from '#training';

export interface JudgeOptions {
  readonly registry: ModelRegistry;
  readonly model: ModelName;
  /** Version or alias of the candidate. */
  readonly candidate: ModelReference;
  /** Folder of the latest load history. */
  readonly loadDirectory: string;
  /** Root of the placement traces. */
  readonly placementRoot: string;
  readonly seed: number;
  readonly progress: Progress;
}

/** Scenario and seeds of the placement gate: the first users' cluster, a minute or two. */
const PLACEMENT_GATE = { scenario: 'hydatis', seeds: 3 } as const;

/**
 * Judges a candidate beside the champion and the simple rivals, on the same data.
 *
 * @throws MlschedError of the registry when the candidate does not exist; what is wrong with the candidate itself is a failed
 *   gate.
 */
export async function judgeCandidate(options: JudgeOptions): Promise<GateReport> {
  const { registry, model, candidate } = options;
  const { version } = await registry.describe(model, candidate);
  const champion = (await registry.aliases(model))[CHAMPION];
  const gates = await GATES[model](options, version, champion);
  return {
    model,
    candidate: String(version),
    champion: champion === undefined ? undefined : String(champion),
    gates,
    isPassed: gates.every(({ isPassed }) => isPassed),
  };
}

/** What came of a candidate. */
export interface PromotionReport extends GateReport {
  /** Undefined when it was refused. */
  readonly move: AliasMove | undefined;
}

/** Judges a candidate and puts it into service when every gate is passed. */
export async function judgeAndPromote(options: JudgeOptions): Promise<PromotionReport> {
  const report = await judgeCandidate(options);
  if (!report.isPassed) return { ...report, move: undefined };
  const expected = report.champion === undefined ? undefined : Number(report.champion);
  const move = await promote(options.registry, options.model, Number(report.candidate), expected);
  return { ...report, move };
}

type Judge = (
  options: JudgeOptions,
  candidate: number,
  champion: number | undefined,
) => Promise<readonly Gate[]>;

const GATES: Readonly<Record<ModelName, Judge>> = {
  async 'load-forecast'({ registry, loadDirectory, seed, progress }, candidate, champion) {
    const series = await readLoadSeries(loadDirectory, { progress });
    const [ours, theirs] = await loadPair(registry, 'load-forecast', candidate, champion);
    return forecastGates(series, ours, theirs, seed);
  },
  async 'node-anomaly'({ registry, loadDirectory, progress }, candidate) {
    const series = await readLoadSeries(loadDirectory, { progress });
    return anomalyGates(series, (await registry.load('node-anomaly', candidate)).artefact);
  },
  async placement({ registry, placementRoot, progress }, candidate, champion) {
    const [ours, theirs] = await loadPair(registry, 'placement', candidate, champion);
    const others = await loadChampions(registry, ['load-forecast', 'node-anomaly']);
    const withPlacement = (artefact: ModelArtefact) => new Map(others).set('placement', artefact);
    return placementGates(withPlacement(ours), theirs === undefined ? undefined : withPlacement(theirs), {
      dataDirectory: placementRoot,
      ...PLACEMENT_GATE,
      progress,
    });
  },
};

async function loadPair(
  registry: ModelRegistry,
  model: ModelName,
  candidate: number,
  champion: number | undefined,
): Promise<[ModelArtefact, ModelArtefact | undefined]> {
  const ours = (await registry.load(model, candidate)).artefact;
  return [ours, champion === undefined ? undefined : (await registry.load(model, champion)).artefact];
}

/** The models in service; one that was never trained is left out, and its share goes to the others. */
async function loadChampions(
  registry: ModelRegistry,
  models: readonly ModelName[],
): Promise<Map<string, ModelArtefact>> {
  const found = new Map<string, ModelArtefact>();
  for (const model of models) {
    try {
      found.set(model, (await registry.load(model, CHAMPION)).artefact);
    } catch (error) {
      if (!isMlschedError(error) || error.kind !== 'not-found') throw error;
    }
  }
  return found;
}

/**
 * A model by its name.
 *
 * @throws MlschedError `MLS_SERVICES_MODEL_UNKNOWN` naming the nearest one.
 */
export function modelNamed(name: string): ModelName {
  const found = MODEL_NAMES.find((known) => known === name);
  if (found !== undefined) return found;
  throw new MlschedError('MLS_SERVICES_MODEL_UNKNOWN', `there is no model ${name}`, {
    kind: 'not-found',
    hint: `Did you mean ${nearestName(name, MODEL_NAMES)}? Models: ${MODEL_NAMES.join(', ')}.`,
    details: { model: name },
  });
}
