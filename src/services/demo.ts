import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MODEL_NAMES } from '#domain';
import type { ModelArtefact, ModelName } from '#domain';
import { systemClock } from '#kernel/clock';
import type { Progress } from '#kernel/progress';
import { renderDemoReport } from '#operations';
import type { DemoReport } from '#operations';
import { writeFileAtomic, writeJson } from '#platform/files';
import { openFileRegistry } from '#registry';
import type { ModelRegistry } from '#registry';
import { evaluateAnomaly, evaluateForecast, simulate, traceAnomaly, traceDecision } from '#training';
import type { AnomalyReport, ForecastEvaluation, PlacementCurves, SimulateReport } from '#training';
import { hashInputs } from './input-hash.ts';
import { trainModels } from './train.ts';

/** Rivals of the demo; the oracle is only a ceiling. */
const DEMO_POLICIES = [
  'mlsched',
  'random',
  'stock',
  'most-allocated',
  'target-load-packing',
  'low-risk-over-commitment',
  'peak-oracle',
] as const;
const DEMO_SCENARIO = 'hosts-24';
const TRACES = 1;

export interface DemoOptions {
  readonly dataRoot: string;
  readonly stateDirectory: string;
  readonly version: string;
  readonly seed: number;
  readonly seeds: number;
  readonly progress: Progress;
  /** Told when a step begins or is skipped. */
  note(line: string): void;
}

export interface DemoResult {
  readonly reportPath: string;
  readonly simulation: SimulateReport;
  readonly forecast: Pick<ForecastEvaluation, 'protocol' | 'machines' | 'results'>;
  readonly anomaly: AnomalyReport;
}

/**
 * The main job end to end: trains the three models, judges each beside its rivals, replays one workload under every
 * policy and writes the report.
 *
 * @remarks What depends only on data, code and seed is kept under a hash of these and not computed twice, so a second
 *   run, or one after an interruption, goes on from there.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const key = await hashInputs([options.dataRoot], [options.version, String(options.seed)]);
  const artefacts = await step(options, '1/5 train the three models', () => obtainModels(options, key));
  const forecast = await step(options, '2/5 judge the load forecast on the last 15 % of each machine', () =>
    judgeForecast(options, artefacts),
  );
  const anomaly = await step(options, '3/5 judge the anomaly model on labelled machines', () =>
    judgeAnomaly(options, key),
  );
  const simulation = await step(
    options,
    `4/5 replay ${DEMO_POLICIES.length} policies on ${options.seeds} paired seeds`,
    () =>
      simulate({
        dataDirectory: options.dataRoot,
        scenario: DEMO_SCENARIO,
        policies: DEMO_POLICIES,
        seeds: options.seeds,
        artefacts,
        record: true,
        progress: options.progress,
      }),
  );
  const reportPath = await step(options, '5/5 write the report', () =>
    writeReport(options, { key, artefacts, simulation, forecast, anomaly }),
  );
  const { protocol, machines, results } = forecast;
  return {
    reportPath,
    // The curves are in the report; here they would drown the numbers.
    simulation: { ...simulation, series: {} },
    forecast: { protocol, machines, results },
    anomaly: anomaly.report,
  };
}

async function step<Result>(
  options: DemoOptions,
  title: string,
  work: () => Promise<Result>,
): Promise<Result> {
  options.note(title);
  return work();
}

/** Takes the models of an earlier run with the same inputs from the registry, and trains those that are missing. */
async function obtainModels(options: DemoOptions, key: string): Promise<Map<string, ModelArtefact>> {
  const registry = openFileRegistry({ home: join(options.stateDirectory, 'models') });
  const artefacts = new Map<string, ModelArtefact>();
  for (const model of MODEL_NAMES) {
    const versions = await registry.list(model);
    const found = versions.findLast(({ metadata }) => metadata.tags['demo'] === key);
    if (found !== undefined) artefacts.set(model, (await registry.load(model, found.version)).artefact);
  }
  const missing = MODEL_NAMES.filter((model) => !artefacts.has(model));
  if (missing.length === 0) {
    options.note('    nothing changed: the models of the earlier run are used');
    return artefacts;
  }
  await trainMissing(options, { key, registry, missing, artefacts });
  return artefacts;
}

async function trainMissing(
  options: DemoOptions,
  work: {
    readonly key: string;
    readonly registry: ModelRegistry;
    readonly missing: readonly ModelName[];
    readonly artefacts: Map<string, ModelArtefact>;
  },
): Promise<void> {
  const { dataRoot, stateDirectory, seed, progress } = options;
  const trained = await trainModels({
    models: work.missing,
    known: work.artefacts,
    loadDirectory: join(dataRoot, 'smd-nodes'),
    placementRoot: dataRoot,
    registry: work.registry,
    stateDirectory,
    budget: 'demo',
    seed,
    isForced: false,
    tags: { demo: work.key },
    progress,
  });
  for (const { version, artefact, curves } of trained) {
    work.artefacts.set(version.model, artefact);
    if (curves !== undefined) await writeJson(cachePath(options, work.key, 'learning'), curves);
  }
}

function cachePath(options: DemoOptions, key: string, what: string): string {
  return join(options.stateDirectory, 'demo', key, `${what}.json`);
}

function judgeForecast(
  options: DemoOptions,
  artefacts: ReadonlyMap<string, ModelArtefact>,
): Promise<ForecastEvaluation> {
  const artefact = artefacts.get('load-forecast');
  return evaluateForecast({
    dataDirectory: join(options.dataRoot, 'smd-nodes'),
    seed: options.seed,
    traces: TRACES,
    progress: options.progress,
    ...(artefact === undefined ? {} : { artefact }),
  });
}

type JudgedAnomaly = NonNullable<DemoReport['anomaly']> & { readonly report: AnomalyReport };

async function judgeAnomaly(options: DemoOptions, key: string): Promise<JudgedAnomaly> {
  const { seed, progress } = options;
  const dataDirectory = join(options.dataRoot, 'smd');
  const path = cachePath(options, key, 'anomaly');
  const stored = await readStored<AnomalyReport>(path);
  const report = stored ?? (await evaluateAnomaly({ dataDirectory, seed, progress }));
  if (stored === undefined) await writeJson(path, report);
  return { report, timeline: await traceAnomaly({ dataDirectory, seed }) };
}

/** A result of an earlier run; its name carries the hash of its inputs, so it is either right or absent. */
async function readStored<Stored>(path: string): Promise<Stored | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Stored;
  } catch {
    return undefined;
  }
}

interface ReportParts {
  readonly key: string;
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
  readonly simulation: SimulateReport;
  readonly forecast: ForecastEvaluation;
  readonly anomaly: JudgedAnomaly;
}

async function writeReport(options: DemoOptions, parts: ReportParts): Promise<string> {
  const decision = await traceDecision({
    dataDirectory: options.dataRoot,
    scenario: DEMO_SCENARIO,
    seed: 1,
    artefacts: parts.artefacts,
  });
  const page = renderDemoReport({
    createdAtMs: systemClock.nowMs(),
    dataDirectory: options.dataRoot,
    version: options.version,
    simulation: parts.simulation,
    forecast: parts.forecast,
    anomaly: parts.anomaly,
    decision,
    learning: await readStored<PlacementCurves>(cachePath(options, parts.key, 'learning')),
  });
  const path = join(options.stateDirectory, 'reports', 'demo.html');
  await writeFileAtomic(path, page);
  return path;
}
