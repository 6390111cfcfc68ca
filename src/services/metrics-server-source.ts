import {
  createMetricsServerReader,
  createNodeIdentity,
  METRIC_CATALOGUE,
  METRICS_SERVER_CATALOGUE,
} from '#collect';
import type { MetricsServerReader, NodeIdentity } from '#collect';
import type { ObservedNode } from '#domain';
import { isMlschedError, messageOf } from '#kernel/errors';
import { MINUTE_MS, SECOND_MS } from '#kernel/units';
import {
  createKubernetesClient,
  listNodes,
  openClusterAccess,
  readNodeUse,
  readPodUse,
} from '#platform/kubernetes';
import type { KubernetesClient, OpenAccessOptions, ResourceUse } from '#platform/kubernetes';
import type { DoctorCheck } from './doctor.ts';

export interface MetricsServerSource {
  readonly reader: MetricsServerReader;
  readonly identity: NodeIdentity;
  readonly metrics: typeof METRICS_SERVER_CATALOGUE;
  /** Asks for the present use: Metrics Server keeps no past, so what is not asked for in time is never known. */
  poll(): Promise<void>;
  close(): void;
}

/** Capacities change when a node is added or resized. */
const CAPACITY_AGE_MS = MINUTE_MS;

/**
 * Connects to the API server in front of Metrics Server; asks for nothing yet.
 *
 * @throws MlschedError `MLS_KUBERNETES_NO_ACCESS`, `MLS_KUBERNETES_BAD_ACCESS`.
 */
export async function openMetricsServer(
  access: OpenAccessOptions,
  stepSeconds: number,
): Promise<MetricsServerSource> {
  const client = createKubernetesClient(await openClusterAccess(access));
  const reader = createMetricsServerReader(stepSeconds);
  let nodes = new Map<string, ObservedNode>();
  let listedMs = -Infinity;
  return {
    reader,
    identity: createNodeIdentity(),
    metrics: METRICS_SERVER_CATALOGUE,
    async poll() {
      const uses = await readNodeUse(client);
      const isNew = uses.some(({ name }) => !nodes.has(name));
      if (isNew || performance.now() - listedMs > CAPACITY_AGE_MS) {
        nodes = new Map((await listNodes(client)).map((node) => [node.name, node]));
        listedMs = performance.now();
      }
      reader.note(uses, nodes);
    },
    close: () => client.close(),
  };
}

const FRESH_MS = 3 * MINUTE_MS;

/** Says whether the cluster answers, whether Metrics Server is there, and what it cannot know. Never throws. */
export async function examineCluster(access: OpenAccessOptions, nowMs: number): Promise<DoctorCheck[]> {
  const checks: DoctorCheck[] = [];
  let client: KubernetesClient | undefined;
  try {
    client = createKubernetesClient(await openClusterAccess(access));
    const nodes = await listNodes(client);
    checks.push({ name: 'kubernetes', level: 'OK', found: `${nodes.length} nodes`, advice: undefined });
    checks.push(await checkMetricsServer(client, nodes.length, nowMs));
  } catch (error) {
    checks.push(failed('kubernetes', 'ERROR', error));
  } finally {
    client?.close();
  }
  return checks;
}

async function checkMetricsServer(
  client: KubernetesClient,
  nodes: number,
  nowMs: number,
): Promise<DoctorCheck> {
  try {
    const [uses, pods] = await Promise.all([readNodeUse(client), readPodUse(client)]);
    return describeUse(uses, { pods: pods.length, nodes, nowMs });
  } catch (error) {
    return failed('metrics server', 'WARNING', error);
  }
}

function describeUse(
  uses: readonly ResourceUse[],
  { pods, nodes, nowMs }: { readonly pods: number; readonly nodes: number; readonly nowMs: number },
): DoctorCheck {
  const name = 'metrics server';
  const fresh = uses.filter(({ atMs }) => nowMs - atMs <= FRESH_MS);
  const ageSeconds = Math.round((nowMs - Math.max(...uses.map(({ atMs }) => atMs))) / SECOND_MS);
  const age = uses.length === 0 ? '' : `, newest ${ageSeconds} s old`;
  const found = `measures ${fresh.length} of ${nodes} nodes and ${pods} pods${age}`;
  if (fresh.length < nodes) {
    const advice = 'read the log of metrics-server: kubelets that it cannot reach are unknown to it';
    return { name, level: 'WARNING', found, advice };
  }
  const has = new Set(METRICS_SERVER_CATALOGUE.map(({ column }) => column));
  const missing = METRIC_CATALOGUE.filter(({ column }) => !has.has(column)).length;
  const advice = `without a Prometheus ${missing} of ${METRIC_CATALOGUE.length} metrics are unknown (I/O wait, pressure, network, disk, requests, queues) and there is no past: docs/how-to/collect-history.md`;
  return { name, level: 'OK', found, advice };
}

function failed(name: string, level: DoctorCheck['level'], error: unknown): DoctorCheck {
  const advice = isMlschedError(error) ? error.hint : undefined;
  return { name, level, found: messageOf(error), advice: advice ?? 'check --kubeconfig' };
}
