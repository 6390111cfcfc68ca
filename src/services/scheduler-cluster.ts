import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { createKubernetesClient, openClusterAccess, watchNodes, watchPods } from '#platform/kubernetes';
import type { KubernetesClient } from '#platform/kubernetes';
import { createDependency, createPrometheusSource } from '#scheduler';
import type { LiveCluster, LoadSource, PrometheusSource, ServiceConfig } from '#scheduler';
import { openReplay } from './scheduler-replay.ts';

export interface ClusterFeedOptions {
  readonly config: ServiceConfig;
  readonly dataRoot: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly registry: Registry;
}

/** What keeps the picture of the cluster up to date. */
export interface ClusterFeed {
  readonly loadSource: LoadSource | undefined;
  /** Why the picture is not complete, or undefined. */
  readonly problem: () => string | undefined;
  /** Fills the cluster; resolves once everything that was there at the start is in. */
  run(cluster: LiveCluster): Promise<void>;
  close(): Promise<void>;
}

/** Prometheus keeps at least this much almost everywhere; forecasts look back a day. */
const PAST_HOURS = 26;
const PAST_TIMEOUT_MS = 120_000;

/**
 * Opens what the configuration names: a real cluster, a replay, or nothing (nodes are then never known).
 *
 * @throws MlschedError when the way to the cluster or the replay's data cannot be read.
 */
export async function openClusterFeed(options: ClusterFeedOptions): Promise<ClusterFeed> {
  const { config } = options;
  if (config.cluster.source === 'replay') return openReplay(options);
  const state: FeedState = { problem: 'no cluster is followed', cluster: undefined };
  const prometheus = config.load.source === 'prometheus' ? openPrometheus(options, state) : undefined;
  const base = { loadSource: prometheus, problem: () => state.problem };
  if (config.cluster.source === 'none') {
    return { ...base, run: () => Promise.resolve(), close: () => Promise.resolve() };
  }
  const { kubeconfig, context } = config.cluster;
  const access = await openClusterAccess({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
  });
  const client = createKubernetesClient(access);
  state.problem = 'nodes and pods are not all known yet';
  return {
    ...base,
    async run(cluster) {
      state.cluster = cluster;
      await followCluster(client, cluster, options);
      cluster.rebuild();
      if (prometheus !== undefined) await readPast(prometheus, cluster, options);
      state.problem = undefined;
    },
    async close() {
      client.close();
    },
  };
}

interface FeedState {
  problem: string | undefined;
  cluster: LiveCluster | undefined;
}

function openPrometheus(options: ClusterFeedOptions, state: FeedState): PrometheusSource {
  const { config, log, registry } = options;
  const { prometheusUrl, prometheusTokenFile, staticNodeNames } = config.load;
  return createPrometheusSource({
    prometheus: {
      url: prometheusUrl ?? '',
      timeoutSeconds: config.load.tickSeconds / 2,
      attempts: 1,
      ...(prometheusTokenFile === undefined ? {} : { tokenFile: prometheusTokenFile }),
    },
    dependency: createDependency(
      { name: 'prometheus', timeoutMs: (config.load.tickSeconds * 1000) / 2, retries: 1, concurrency: 2 },
      log,
      registry,
    ),
    staticNames: staticNodeNames,
    clusterNodes: () => state.cluster?.nodeAddresses() ?? [],
  });
}

/** Follows nodes and pods; resolves once both are complete. A watch repairs itself for as long as it takes. */
async function followCluster(
  client: KubernetesClient,
  cluster: LiveCluster,
  { signal, log }: ClusterFeedOptions,
): Promise<void> {
  const base = { client, signal, log };
  const nodes = new Promise<void>((resolve) => {
    watchNodes({
      ...base,
      onChange: (events) => cluster.applyNodes(events),
      onSynced: resolve,
    });
  });
  const pods = new Promise<void>((resolve) => {
    watchPods({
      ...base,
      activeOnly: true,
      onChange: (events) => cluster.applyPods(events),
      onSynced: resolve,
    });
  });
  await Promise.all([nodes, pods]);
}

/** Without the past the service works, but forecasts begin an hour later. */
async function readPast(
  source: PrometheusSource,
  cluster: LiveCluster,
  { log, signal }: ClusterFeedOptions,
): Promise<void> {
  const late = sleep(PAST_TIMEOUT_MS, 'late' as const, { signal, ref: false }).catch(() => 'late' as const);
  try {
    const past = await Promise.race([source.readPast(Date.now(), PAST_HOURS), late]);
    if (past === 'late')
      return log.warning('the past was not read in time; forecasts begin an hour from now');
    for (const { atMs, report } of past) cluster.recordPast(report, atMs);
    log.info('the past was read from Prometheus', { windows: past.length });
  } catch (error) {
    log.warning('the past cannot be read; forecasts begin an hour from now', { cause: messageOf(error) });
  }
}
