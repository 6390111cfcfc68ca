import { z } from 'zod';
import { createHttpClient } from '#platform/http-client';
import type { HttpClient, HttpClientOptions, HttpRequest } from '#platform/http-client';
import { MetricAnswer, RunAnswer, VersionAnswer } from './answers.ts';
import { answerUnexpected, artefactsNotProxied, mlflowErrorCode } from './errors.ts';
import type { MlflowClient, MlflowMetric, MlflowPair, MlflowRun } from './types.ts';

const API = '/api/2.0/mlflow';
/** The server takes at most this much in one log-batch: metrics, parameters and tags together, and parameters alone. */
const BATCH_ITEMS = 1000;
const BATCH_PARAMETERS = 100;
const PAGE_SIZE = 1000;

/**
 * A client of an MLflow tracking server and model registry.
 *
 * @remarks Our own, about 20 calls: MLflow's official npm package covers traces of language models only.
 * @throws MlschedError `MLS_HTTP_*` of the HTTP client, `MLS_MLFLOW_ANSWER`, `MLS_MLFLOW_ARTEFACTS`; `mlflowErrorCode` gives
 *   the server's own code.
 */
export function createMlflowClient(options: Omit<HttpClientOptions, 'service'>): MlflowClient {
  const http = createHttpClient({ ...options, service: 'MLflow' });
  return { ...runCalls(http), ...artifactCalls(http), ...modelCalls(http), close: () => http.close() };
}

async function call<T>(http: HttpClient, request: HttpRequest, answer: z.ZodType<T>): Promise<T> {
  const path = `${API}/${request.path}`;
  const { body } = await http.send({ ...request, path });
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString('utf8'));
  } catch {
    throw answerUnexpected(path, 'not JSON');
  }
  const checked = answer.safeParse(value);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  throw answerUnexpected(path, `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
}

const Nothing = z.unknown();

function get<T>(
  http: HttpClient,
  path: string,
  query: HttpRequest['query'],
  answer: z.ZodType<T>,
): Promise<T> {
  return call(http, { method: 'GET', path, ...(query && { query }) }, answer);
}

/** Posts what may be sent twice without harm: searches, and writes that set a value. */
function set<T>(http: HttpClient, path: string, body: object, answer: z.ZodType<T>): Promise<T> {
  return call(http, { method: 'POST', path, body, isRepeatable: true }, answer);
}

/** Posts what makes something new: never sent twice. */
function create<T>(http: HttpClient, path: string, body: object, answer: z.ZodType<T>): Promise<T> {
  return call(http, { method: 'POST', path, body }, answer);
}

/** Runs something and takes the given MLflow error as an answer. */
async function orWhen<T>(code: string, instead: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (mlflowErrorCode(error) === code) return instead;
    throw error;
  }
}

const MISSING = 'RESOURCE_DOES_NOT_EXIST';
const EXISTS = 'RESOURCE_ALREADY_EXISTS';

type RunCalls = Pick<
  MlflowClient,
  | 'ensureExperiment'
  | 'findExperiment'
  | 'createRun'
  | 'getRun'
  | 'searchRuns'
  | 'endRun'
  | 'deleteRun'
  | 'logBatch'
  | 'metricHistory'
>;

function runCalls(http: HttpClient): RunCalls {
  const findExperiment: MlflowClient['findExperiment'] = (name) =>
    orWhen(MISSING, undefined, async () => {
      const form = z.object({ experiment: z.object({ experiment_id: z.string() }) });
      const { experiment } = await get(http, 'experiments/get-by-name', { experiment_name: name }, form);
      return experiment.experiment_id;
    });
  return {
    findExperiment,
    async ensureExperiment(name) {
      const found = await findExperiment(name);
      if (found !== undefined) return found;
      const form = z.object({ experiment_id: z.string() });
      const made = await orWhen(EXISTS, undefined, () => create(http, 'experiments/create', { name }, form));
      // Another process was quicker.
      return made?.experiment_id ?? ((await findExperiment(name)) as string);
    },
    async createRun(experimentId, name, startedAtMs) {
      const body = { experiment_id: experimentId, run_name: name, start_time: startedAtMs };
      return (await create(http, 'runs/create', body, z.object({ run: RunAnswer }))).run;
    },
    getRun: async (runId) =>
      (await get(http, 'runs/get', { run_id: runId }, z.object({ run: RunAnswer }))).run,
    searchRuns: (experimentId) =>
      pages(async (token) => {
        const form = z.object({
          runs: z.array(RunAnswer).default([]),
          next_page_token: z.string().optional(),
        });
        const order = { order_by: ['attributes.start_time ASC'], max_results: PAGE_SIZE };
        const body = { experiment_ids: [experimentId], ...order, ...(token && { page_token: token }) };
        const { runs, next_page_token: next } = await set(http, 'runs/search', body, form);
        return { items: runs, next };
      }),
    async endRun(runId, status, endedAtMs) {
      await set(http, 'runs/update', { run_id: runId, status, end_time: endedAtMs }, Nothing);
    },
    async deleteRun(runId) {
      await set(http, 'runs/delete', { run_id: runId }, Nothing);
    },
    async logBatch(runId, { metrics = [], params = [], tags = [] }) {
      for (const batch of splitBatch(metrics, params, tags))
        await set(http, 'runs/log-batch', { run_id: runId, ...batch }, Nothing);
    },
    metricHistory: (runId, name) =>
      pages(async (token) => {
        const form = z.object({
          metrics: z.array(MetricAnswer).default([]),
          next_page_token: z.string().optional(),
        });
        const query = {
          run_id: runId,
          metric_key: name,
          max_results: PAGE_SIZE,
          ...(token && { page_token: token }),
        };
        const { metrics, next_page_token: next } = await get(http, 'metrics/get-history', query, form);
        return { items: metrics, next };
      }),
  };
}

/** Reads all pages of a listing. */
async function pages<T>(
  read: (token: string | undefined) => Promise<{ items: T[]; next: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let token: string | undefined;
  do {
    const { items, next } = await read(token);
    all.push(...items);
    token = next || undefined;
  } while (token !== undefined);
  return all;
}

interface Batch {
  readonly metrics: readonly MlflowMetric[];
  readonly params: readonly MlflowPair[];
  readonly tags: readonly MlflowPair[];
}

function splitBatch(
  metrics: readonly MlflowMetric[],
  params: readonly MlflowPair[],
  tags: readonly MlflowPair[],
): Batch[] {
  const slices = <T>(items: readonly T[], size: number): T[][] =>
    Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
  if (metrics.length + params.length + tags.length <= BATCH_ITEMS && params.length <= BATCH_PARAMETERS)
    return [{ metrics, params, tags }];
  const none: Batch = { metrics: [], params: [], tags: [] };
  return [
    ...slices(params, BATCH_PARAMETERS).map((slice) => ({ ...none, params: slice })),
    ...slices(tags, BATCH_ITEMS).map((slice) => ({ ...none, tags: slice })),
    ...slices(metrics, BATCH_ITEMS).map((slice) => ({ ...none, metrics: slice })),
  ];
}

function artifactCalls(http: HttpClient): Pick<MlflowClient, 'putArtifact' | 'getArtifact'> {
  return {
    async putArtifact(run, path, bytes) {
      const headers = { 'content-type': 'application/octet-stream' };
      await http.send({ method: 'PUT', path: artifactPath(run, path), headers, body: bytes });
    },
    getArtifact: async (run, path) =>
      (await http.send({ method: 'GET', path: artifactPath(run, path) })).body,
  };
}

function artifactPath({ artifactUri }: MlflowRun, path: string): string {
  const below = /^mlflow-artifacts:\/+(?:[^/]*:\d+\/)?(.+)$/.exec(artifactUri)?.[1];
  if (below === undefined) throw artefactsNotProxied(artifactUri);
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return `/api/2.0/mlflow-artifacts/artifacts/${below}/${encoded}`;
}

type ModelCalls = Pick<
  MlflowClient,
  | 'ensureModel'
  | 'createModelVersion'
  | 'getModelVersion'
  | 'listModelVersions'
  | 'setAlias'
  | 'removeAlias'
  | 'aliases'
>;

function modelCalls(http: HttpClient): ModelCalls {
  const One = z.object({ model_version: VersionAnswer });
  return {
    async ensureModel(name) {
      await orWhen<unknown>(EXISTS, undefined, () =>
        create(http, 'registered-models/create', { name }, Nothing),
      );
    },
    async createModelVersion({ name, source, runId, tags }) {
      const body = { name, source, run_id: runId, tags };
      return (await create(http, 'model-versions/create', body, One)).model_version;
    },
    getModelVersion: async (name, version) =>
      (await get(http, 'model-versions/get', { name, version }, One)).model_version,
    async listModelVersions(name) {
      const form = z.object({
        model_versions: z.array(VersionAnswer).default([]),
        next_page_token: z.string().optional(),
      });
      const found = await pages(async (token) => {
        const query = {
          filter: `name='${name}'`,
          max_results: PAGE_SIZE,
          ...(token && { page_token: token }),
        };
        const answer = await get(http, 'model-versions/search', query, form);
        return { items: answer.model_versions, next: answer.next_page_token };
      });
      return found.sort((a, b) => a.version - b.version);
    },
    async setAlias(name, alias, version) {
      await set(http, 'registered-models/alias', { name, alias, version: String(version) }, Nothing);
    },
    async removeAlias(name, alias) {
      await orWhen<unknown>(MISSING, undefined, () =>
        call(http, { method: 'DELETE', path: 'registered-models/alias', body: { name, alias } }, Nothing),
      );
    },
    aliases: (name) =>
      orWhen(MISSING, {}, async () => {
        const alias = z.object({ alias: z.string(), version: z.coerce.number() });
        const form = z.object({ registered_model: z.object({ aliases: z.array(alias).default([]) }) });
        const { registered_model: model } = await get(http, 'registered-models/get', { name }, form);
        return Object.fromEntries(model.aliases.map((found) => [found.alias, found.version]));
      }),
  };
}
