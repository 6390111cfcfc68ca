import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Log } from '#kernel/log';
import { MIB, SECOND_MS } from '#kernel/units';
import { createHttpServer } from '#platform/http-server';
import type { HttpServer } from '#platform/http-server';
import { createModelRepository } from './repository.ts';
import type { ModelRepository, ModelSource } from './repository.ts';
import { addInferenceRoutes } from './routes.ts';

export interface InferenceServerOptions {
  readonly sources: readonly ModelSource[];
  readonly log: Log;
  readonly registry: Registry;
  readonly serverVersion: string;
  /** Larger requests are refused; default 64 MiB. */
  readonly bodyLimitBytes?: number;
  /** Distance of two looks at the aliases; default 10 s. */
  readonly refreshSeconds?: number;
}

export interface InferenceServer {
  readonly app: HttpServer;
  readonly repository: ModelRepository;
  /** Ends the requests under way, then frees the models. */
  close(): Promise<void>;
}

const DEFAULT_BODY_LIMIT_BYTES = 64 * MIB;
const DEFAULT_REFRESH_SECONDS = 10;

/** Creates the server and loads its models; a model that cannot be loaded is reported by `/readyz` and tried again. */
export async function createInferenceServer(options: InferenceServerOptions): Promise<InferenceServer> {
  const repository = createMeasuredRepository(options);
  const app = createHttpServer({
    log: options.log,
    registry: options.registry,
    bodyLimitBytes: options.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
    unreadyReason: () => {
      const missing = repository.names.filter((name) => !repository.isReady(name));
      return missing.length === 0 ? undefined : `not loaded: ${missing.join(', ')}`;
    },
    // The protocol's own form of an error.
    formatError: ({ message }) => ({ error: message }),
  });
  addInferenceRoutes(app, { repository, registry: options.registry, serverVersion: options.serverVersion });
  await repository.refresh();
  const stopRefreshing = refreshRegularly(repository, options);
  return {
    app,
    repository,
    async close() {
      stopRefreshing();
      await app.close();
      repository.free();
    },
  };
}

function createMeasuredRepository({ sources, log, registry }: InferenceServerOptions): ModelRepository {
  const batch = new Histogram({
    name: 'mlsched_serving_batch_requests',
    help: 'Requests answered by one call of a model, by model.',
    labelNames: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers: [registry],
  });
  const rows = new Counter({
    name: 'mlsched_serving_rows_total',
    help: 'Rows that a model answered, by model.',
    labelNames: ['model'],
    registers: [registry],
  });
  const version = new Gauge({
    name: 'mlsched_serving_model_version_info',
    help: '1 for the version that answers, by model.',
    labelNames: ['model', 'version'],
    registers: [registry],
  });
  const answering = new Map<string, string>();
  return createModelRepository({
    sources,
    log,
    onBatch: (model, requests, count) => {
      batch.observe({ model }, requests);
      rows.inc({ model }, count);
    },
    onLoaded: (model, loaded) => {
      const previous = answering.get(model);
      if (previous !== undefined) version.remove({ model, version: previous });
      answering.set(model, loaded);
      version.set({ model, version: loaded }, 1);
    },
  });
}

/** One look at a time: a slow registry must not pile them up. */
function refreshRegularly(repository: ModelRepository, options: InferenceServerOptions): () => void {
  const everyMs = (options.refreshSeconds ?? DEFAULT_REFRESH_SECONDS) * SECOND_MS;
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void repository.refresh().finally(() => {
      isBusy = false;
    });
  }, everyMs);
  return () => clearInterval(timer);
}
