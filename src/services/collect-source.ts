import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { createNodeIdentity, discoverNodes, METRIC_CATALOGUE } from '#collect';
import type { NodeAddresses, NodeIdentity } from '#collect';
import { MlschedError, messageOf } from '#kernel/errors';
import { MINUTE_MS } from '#kernel/units';
import { createKubernetesClient, listNodes, openClusterAccess } from '#platform/kubernetes';
import type { OpenAccessOptions } from '#platform/kubernetes';
import { openReader } from '#platform/prometheus';
import type { PrometheusOptions, PrometheusReader } from '#platform/prometheus';

/** How to reach a Prometheus and to name the nodes it speaks of. */
export interface CollectSourceOptions extends PrometheusOptions {
  /** YAML file of addresses and node names. */
  readonly nodeMapFile?: string;
  /** The API server that lists the nodes; without it, Prometheus is asked. */
  readonly kubernetes?: OpenAccessOptions;
}

export interface CollectSource {
  readonly reader: PrometheusReader;
  readonly identity: NodeIdentity;
  /**
   * Learns the names of nodes that have come since. Named by Prometheus, an address keeps the name that it has; named by
   * the API server, the newest node has it, and nodes that are gone keep theirs as long as nobody else claims it.
   */
  refresh(nowMs: number): Promise<void>;
}

const PROBE_MS = 10 * MINUTE_MS;
const NodeMap = z.record(z.string(), z.string().min(1));

/**
 * Connects to a Prometheus by the fastest protocol that it has, and learns the names of its nodes.
 *
 * @throws MlschedError `MLS_PROMETHEUS_*`, `MLS_KUBERNETES_*`, `MLS_SERVICES_NODE_MAP`.
 */
export async function openSource(options: CollectSourceOptions, nowMs: number): Promise<CollectSource> {
  const staticNames = options.nodeMapFile === undefined ? {} : await readNodeMap(options.nodeMapFile);
  const [probe] = METRIC_CATALOGUE;
  const reader = await openReader(options, {
    matchers: probe?.selector ?? [],
    startMs: nowMs - PROBE_MS,
    endMs: nowMs,
  });
  const { kubernetes } = options;
  const known = kubernetes === undefined ? await discoverNodes(reader, nowMs) : await askCluster(kubernetes);
  let current = createNodeIdentity({ staticNames, clusterNodes: known });
  return {
    reader,
    identity: {
      get conflicts() {
        return current.conflicts;
      },
      resolve: (labels) => current.resolve(labels),
    },
    async refresh(presentMs) {
      if (kubernetes !== undefined) {
        const present = await askCluster(kubernetes);
        const names = new Set(present.map(({ name }) => name));
        known.splice(0, known.length, ...known.filter(({ name }) => !names.has(name)), ...present);
        current = createNodeIdentity({ staticNames, clusterNodes: known });
        return;
      }
      const taken = new Set(known.flatMap(({ addresses }) => addresses));
      for (const { name, addresses } of await discoverNodes(reader, presentMs)) {
        const added = addresses.filter((address) => !taken.has(address));
        if (added.length > 0) known.push({ name, addresses: added });
      }
      current = createNodeIdentity({ staticNames, clusterNodes: known });
    },
  };
}

/** @throws MlschedError `MLS_KUBERNETES_*`. */
async function askCluster(access: OpenAccessOptions): Promise<NodeAddresses[]> {
  const client = createKubernetesClient(await openClusterAccess(access));
  try {
    return await listNodes(client);
  } finally {
    client.close();
  }
}

/** @throws MlschedError `MLS_SERVICES_NODE_MAP`. */
export async function readNodeMap(path: string): Promise<Record<string, string>> {
  try {
    return NodeMap.parse(parse(await readFile(path, 'utf8')) ?? {});
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const problem = issue === undefined ? messageOf(error) : `${issue.path.join('.')}: ${issue.message}`;
    throw new MlschedError('MLS_SERVICES_NODE_MAP', `node map ${path}: ${problem}`, {
      kind: 'invalid-input',
      hint: 'One line a node, address and name: `10.0.0.1: worker-1`.',
      details: { file: path },
      cause: error,
    });
  }
}
