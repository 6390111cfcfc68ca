import { systemClock, type Clock } from '#kernel/clock';
import { isMlschedError } from '#kernel/errors';
import { mlflowErrorCode } from '#platform/mlflow';
import type { MlflowClient, MlflowPair, MlflowRun, MlflowRunStatus } from '#platform/mlflow';

import { metricInvalid, runConflict, runNotFound } from './errors.ts';
import type { ActiveRun, ExperimentTracker, MetricPoint, RunOptions, RunRecord, RunStatus } from './types.ts';

export interface MlflowTrackerOptions {
  readonly client: MlflowClient;
  /** Put before the names of experiments, for a server that several clusters share. @defaultValue none */
  readonly prefix?: string;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

type Scalar = string | number | boolean;

/**
 * Keeps runs in MLflow.
 *
 * @remarks MLflow keeps parameters as text: what reads as a number or as true or false comes back as such.
 */
export function openMlflowTracker(options: MlflowTrackerOptions): ExperimentTracker {
  const { client, prefix = '', clock = systemClock } = options;
  return {
    async startRun(run) {
      const experimentId = await client.ensureExperiment(`${prefix}${run.experiment}`);
      return startRun(client, clock, { ...run, experimentId });
    },
    getRun: async (runId) => readRun(client, await findRun(client, runId)),
    async listRuns(experiment) {
      const id = await client.findExperiment(`${prefix}${experiment}`);
      const runs: RunRecord[] = [];
      if (id !== undefined)
        for (const run of await client.searchRuns(id)) runs.push(await readRun(client, run, experiment));
      return runs;
    },
  };
}

async function startRun(
  client: MlflowClient,
  clock: Clock,
  options: RunOptions & { readonly experimentId: string },
): Promise<ActiveRun> {
  const { runId } = await client.createRun(options.experimentId, options.name, clock.nowMs());
  const given = toPairs({ [EXPERIMENT_TAG]: options.experiment, ...options.tags });
  await client.logBatch(runId, { params: toPairs(options.parameters ?? {}), tags: given });
  let ended: RunStatus | undefined;
  const checkOpen = (): void => {
    if (ended !== undefined) throw runConflict(runId, `it ended as ${ended}`);
  };
  return {
    runId,
    async logParameters(parameters) {
      checkOpen();
      await asConflict(runId, () => client.logBatch(runId, { params: toPairs(parameters) }));
    },
    async logMetrics(metrics, step = 0) {
      checkOpen();
      const timestamp = clock.nowMs();
      const values = Object.entries(metrics).map(([key, value]) => {
        if (!Number.isFinite(value)) throw metricInvalid(key, value);
        return { key, value, timestamp, step };
      });
      await client.logBatch(runId, { metrics: values });
    },
    async setTags(tags) {
      checkOpen();
      await client.logBatch(runId, { tags: toPairs(tags) });
    },
    async end(status) {
      checkOpen();
      await client.endRun(runId, status.toUpperCase() as MlflowRunStatus, clock.nowMs());
      ended = status;
    },
  };
}

/** The name of the experiment, on the run itself: MLflow gives a run only the number. */
const EXPERIMENT_TAG = 'mlsched.experiment';

function toPairs(values: Readonly<Record<string, Scalar>>): MlflowPair[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: String(value) }));
}

async function asConflict(runId: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (mlflowErrorCode(error) !== 'INVALID_PARAMETER_VALUE') throw error;
    throw runConflict(runId, 'a parameter has another value already');
  }
}

async function findRun(client: MlflowClient, runId: string): Promise<MlflowRun> {
  if (!/^[0-9a-f]{32}$/.test(runId)) throw runNotFound(runId);
  try {
    return await client.getRun(runId);
  } catch (error) {
    if (isMlschedError(error) && error.kind === 'not-found') throw runNotFound(runId);
    throw error;
  }
}

const STATUS_OF: Readonly<Record<MlflowRunStatus, RunStatus>> = {
  RUNNING: 'running',
  SCHEDULED: 'running',
  FINISHED: 'finished',
  FAILED: 'failed',
  KILLED: 'killed',
};

async function readRun(client: MlflowClient, run: MlflowRun, experiment?: string): Promise<RunRecord> {
  const metrics: Record<string, MetricPoint[]> = {};
  for (const name of run.metricNames)
    metrics[name] = (await client.metricHistory(run.runId, name)).map(({ step, value }) => ({ step, value }));
  const tags = Object.fromEntries(
    run.tags.filter(({ key }) => !key.startsWith('mlflow.')).map(({ key, value }) => [key, value]),
  );
  const { [EXPERIMENT_TAG]: named = '', ...own } = tags;
  return {
    runId: run.runId,
    experiment: experiment ?? named,
    name: run.name,
    status: STATUS_OF[run.status],
    startedAtMs: run.startedAtMs,
    endedAtMs: run.endedAtMs,
    parameters: Object.fromEntries(run.parameters.map(({ key, value }) => [key, fromText(value)])),
    tags: own,
    metrics,
  };
}

function fromText(text: string): Scalar {
  if (text === 'true' || text === 'false') return text === 'true';
  return text !== '' && String(Number(text)) === text ? Number(text) : text;
}
