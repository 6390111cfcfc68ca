import type { ObservedNode } from '#domain';
import { isMlschedError } from '#kernel/errors';
import type { KubernetesClient } from './client.ts';
import { noMetricsServer } from './errors.ts';
import { createInterner } from './intern.ts';
import { observeNode } from './observe.ts';
import { quantityMillisExact, quantityValue } from './quantity.ts';
import { momentMs } from './raw.ts';
import type { RawAmounts, RawNode, RawObject } from './raw.ts';

/** Measured use as Metrics Server tells it (`metrics.k8s.io/v1beta1`). What is absent or no number is NaN, never 0. */
export interface ResourceUse {
  readonly name: string;
  /** Empty for a node. */
  readonly namespace: string;
  /** End of the window in which it was measured, epoch milliseconds. */
  readonly atMs: number;
  readonly windowSeconds: number;
  /** Mean over the window. */
  readonly cpuMillicores: number;
  /** Working set at the end of the window. */
  readonly memoryBytes: number;
}

interface RawUse extends RawObject {
  readonly timestamp?: string;
  readonly window?: string;
  readonly usage?: RawAmounts;
  readonly containers?: readonly { readonly usage?: RawAmounts }[];
}

interface RawPage {
  readonly items?: readonly unknown[];
  readonly metadata?: { readonly continue?: string };
}

const PATH = '/apis/metrics.k8s.io/v1beta1';
const PAGE_SIZE = 500;

/**
 * Reads the present use of all nodes.
 *
 * @throws MlschedError `MLS_KUBERNETES_NO_METRICS_SERVER` when the API is not served, `MLS_KUBERNETES_BUSY` when Metrics
 *   Server is not ready, and what `KubernetesClient.call` throws.
 */
export function readNodeUse(client: KubernetesClient): Promise<ResourceUse[]> {
  return readUse(client, 'nodes', ({ usage = {} }) => [usage]);
}

/** As `readNodeUse`, of all pods; a pod is the sum of its containers, unknown when one of them is. */
export function readPodUse(client: KubernetesClient): Promise<ResourceUse[]> {
  return readUse(client, 'pods', ({ containers = [] }) => containers.map(({ usage = {} }) => usage));
}

async function readUse(
  client: KubernetesClient,
  plural: 'nodes' | 'pods',
  partsOf: (raw: RawUse) => readonly RawAmounts[],
): Promise<ResourceUse[]> {
  try {
    const page = (await client.call({ path: `${PATH}/${plural}` })) as RawPage | undefined;
    return (page?.items ?? []).flatMap((item) => useOf(item as RawUse, partsOf));
  } catch (error) {
    if (isMlschedError(error) && error.code === 'MLS_KUBERNETES_NOT_FOUND')
      throw noMetricsServer(client.server, error);
    throw error;
  }
}

function useOf(raw: RawUse, partsOf: (raw: RawUse) => readonly RawAmounts[]): ResourceUse[] {
  const { name, namespace = '' } = raw.metadata ?? {};
  const atMs = momentMs(raw.timestamp);
  if (name === undefined || atMs === undefined) return [];
  const parts = partsOf(raw);
  const sum = (read: (amounts: RawAmounts) => number): number =>
    parts.length === 0 ? NaN : parts.reduce((total, amounts) => total + known(read(amounts)), 0);
  return [
    {
      name,
      namespace,
      atMs,
      windowSeconds: durationSeconds(raw.window),
      cpuMillicores: sum(({ cpu }) => quantityMillisExact(cpu)),
      memoryBytes: sum(({ memory }) => quantityValue(memory)),
    },
  ];
}

/** Nothing uses less than nothing. */
function known(value: number): number {
  return value >= 0 ? value : NaN;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, ns: 1e-9 };

/** Seconds of a Go duration such as `1m0.5s`; NaN for what is none. */
function durationSeconds(text: string | undefined): number {
  const parts = [...(text ?? '').matchAll(/(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)/g)];
  if (parts.length === 0) return NaN;
  return parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (UNIT_SECONDS[unit] ?? NaN), 0);
}

/**
 * Lists the nodes once, page by page; who wants to follow them uses `watchNodes`.
 *
 * @throws MlschedError `MLS_KUBERNETES_*`.
 */
export async function listNodes(client: KubernetesClient): Promise<ObservedNode[]> {
  const intern = createInterner();
  const nodes: ObservedNode[] = [];
  let token: string | undefined;
  do {
    const query = { limit: PAGE_SIZE, continue: token };
    const page = (await client.call({ path: '/api/v1/nodes', query })) as RawPage | undefined;
    for (const item of page?.items ?? []) {
      const node = observeNode(item as RawNode, intern);
      if (node !== undefined) nodes.push(node);
    }
    token = page?.metadata?.continue;
  } while (token !== undefined && token !== '');
  return nodes;
}
