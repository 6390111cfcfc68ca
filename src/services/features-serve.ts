import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { readLoadSeries } from '#collect';
import type { ObservedPod } from '#domain';
import { FEATURE_VIEWS, workloadOf, type FeatureViewName } from '#features';
import type { Clock } from '#kernel/clock';
import { isMlschedError, messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { LATENCY_BUCKETS_SECONDS } from '#kernel/metrics';
import { SECOND_MS } from '#kernel/units';
import type { FeatureStore } from '#platform/feast';
import { createHttpServer, listen, type HttpServer } from '#platform/http-server';
import { createKubernetesClient, openClusterAccess, watchPods, type WatchEvent } from '#platform/kubernetes';
import { loadDirectory, onlineViewOf } from './features-build.ts';
import {
  createOnlineFeatures,
  type ObservedWorkload,
  type OnlineFeatures,
  type OnlineRound,
} from './features-online.ts';

export interface ServeFeaturesOptions {
  /** A store that `collect live` fills. */
  readonly dataDirectory: string;
  readonly store: FeatureStore;
  readonly cluster: string;
  readonly intervalSeconds: number;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Follows the pods of this cluster for workload features; no workload features when absent. */
  readonly kubernetes?: { readonly kubeconfig?: string };
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  /** Ends the service after the round that is under way. */
  readonly signal: AbortSignal;
  readonly onListening: (address: { readonly host: string; readonly port: number }) => void;
}

/** Rounds without a stored row after which the service calls itself not ready. */
const UNREADY_ROUNDS = 4;

/**
 * Stores fresh features every round until it is told to end. A round that fails is told and tried anew with newer data:
 * features are states, so nothing is owed.
 *
 * @throws MlschedError `MLS_HTTP_LISTEN`, `MLS_KUBERNETES_*` when there is no way to the cluster.
 */
export async function serveFeatures(options: ServeFeaturesOptions): Promise<void> {
  const { log, signal } = options;
  const workloads = options.kubernetes === undefined ? undefined : await followWorkloads(options);
  const online = createOnlineFeatures({
    store: options.store,
    cluster: options.cluster,
    ...(workloads === undefined ? {} : { workloads }),
  });
  const metrics = createMetrics(options.registry);
  const health = { failedRounds: 0, reason: 'no round has ended yet' as string | undefined };
  const app = createHttpServer({ log, registry: options.registry, unreadyReason: () => health.reason });
  addRoutes(app, options);
  const port = await listen(app, options.host, options.port);
  options.onListening({ host: options.host, port });
  while (!signal.aborted) {
    await runRound(options, { online, metrics, health });
    const intervalMs = options.intervalSeconds * SECOND_MS;
    const waitMs = intervalMs - (options.clock.nowMs() % intervalMs);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
  await app.close();
}

interface RoundParts {
  readonly online: OnlineFeatures;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly health: { failedRounds: number; reason: string | undefined };
}

async function runRound(
  options: ServeFeaturesOptions,
  { online, metrics, health }: RoundParts,
): Promise<void> {
  const { log, clock } = options;
  const stop = metrics.duration.startTimer();
  try {
    const round = await online.push(
      await readLoadSeries(loadDirectory(options.dataDirectory)),
      clock.nowMs(),
    );
    stop({ outcome: 'done' });
    note(round, metrics);
    health.failedRounds = 0;
    health.reason = undefined;
    if (!Number.isNaN(round.originMs)) {
      const fields = { ...round, originMs: new Date(round.originMs).toISOString() };
      log.success('features stored', fields);
    }
  } catch (error) {
    stop({ outcome: 'failed' });
    health.failedRounds += 1;
    if (health.failedRounds >= UNREADY_ROUNDS) health.reason = messageOf(error);
    const code = isMlschedError(error) ? error.code : 'MLS_CLI_INTERNAL';
    log.warning('features not stored; the next round brings newer ones', { code, cause: messageOf(error) });
  }
}

function note(round: OnlineRound, metrics: RoundParts['metrics']): void {
  for (const [view, rows] of Object.entries(round.rows)) metrics.rows.inc({ view }, rows);
  metrics.late.inc(round.lateSamples);
  metrics.nodes.set(round.nodes);
  if (!Number.isNaN(round.originMs)) metrics.newest.set(round.originMs / SECOND_MS);
}

function createMetrics(registry: Registry) {
  const registers = [registry];
  return {
    duration: new Histogram({
      name: 'mlsched_features_round_duration_seconds',
      help: 'Time to read new samples, compute the features and store them.',
      labelNames: ['outcome'],
      buckets: LATENCY_BUCKETS_SECONDS,
      registers,
    }),
    rows: new Counter({
      name: 'mlsched_features_rows_total',
      help: 'Feature rows that the online store took, by view.',
      labelNames: ['view'],
      registers,
    }),
    late: new Counter({
      name: 'mlsched_features_late_samples_total',
      help: 'Samples that came after the row of their window was stored, and are left out.',
      registers,
    }),
    nodes: new Gauge({ name: 'mlsched_features_nodes', help: 'Nodes with features.', registers }),
    newest: new Gauge({
      name: 'mlsched_features_newest_timestamp_seconds',
      help: 'Event time of the newest rows that were stored.',
      registers,
    }),
  };
}

/** `GET /v1/features/VIEW/KEY[/KEY...]`: the online row of one entity, in the form of features.schema.json. */
function addRoutes(app: HttpServer, { store, clock }: ServeFeaturesOptions): void {
  app.get('/v1/features', () => ({
    views: FEATURE_VIEWS.map(({ name, version, entity }) => ({ name, version, entity })),
  }));
  app.get<{ Params: { view: string; '*': string } }>('/v1/features/:view/*', async (request, reply) => {
    const view = FEATURE_VIEWS.find(({ name }) => name === request.params.view);
    const missing = (message: string) =>
      reply.code(404).send({ error: { code: 'MLS_SERVICES_NO_ROW', message } });
    if (view === undefined) return missing(`there is no view ${request.params.view}`);
    const online = onlineViewOf(view.name as FeatureViewName);
    const entity = request.params['*'].split('/');
    const rows = await store.read({ view: online, entities: [entity], nowMs: clock.nowMs() });
    if (rows.states[0] === 'missing') return missing(`${view.name} has no row of ${entity.join('/')}`);
    return {
      view: view.name,
      version: view.version,
      ...Object.fromEntries(online.joinKeys.map((key, i) => [key, entity[i]])),
      event_timestamp: new Date(rows.eventMs[0] as number).toISOString(),
      state: rows.states[0],
      features: Object.fromEntries(online.features.map((name, i) => [name, known(rows.values[i] as number)])),
    };
  });
}

function known(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** Follows all pods and groups them by workload when asked; until the first list is whole there are none. */
async function followWorkloads(options: ServeFeaturesOptions): Promise<() => ObservedWorkload[]> {
  const client = createKubernetesClient(await openClusterAccess({ ...options.kubernetes }));
  const pods = new Map<string, ObservedPod>();
  let isSynced = false;
  watchPods({
    client,
    signal: options.signal,
    log: options.log,
    onChange: (events: readonly WatchEvent<ObservedPod>[]) => {
      for (const event of events) {
        if (event.type === 'set') pods.set(event.object.uid, event.object);
        else pods.delete(event.uid);
      }
    },
    onSynced: () => {
      isSynced = true;
    },
  });
  return () => (isSynced ? groupByWorkload(pods.values()) : []);
}

/** Workloads of some pods, each with its pods. */
export function groupByWorkload(pods: Iterable<ObservedPod>): ObservedWorkload[] {
  const groups = new Map<string, { key: ObservedWorkload['key']; pods: ObservedPod[] }>();
  for (const pod of pods) {
    const key = workloadOf(pod);
    const name = JSON.stringify([key.namespace, key.ownerKind, key.ownerName]);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, { key, pods: [pod] });
    else group.pods.push(pod);
  }
  return [...groups.values()].map(({ key, pods: members }) => ({ key, observation: { pods: members } }));
}
