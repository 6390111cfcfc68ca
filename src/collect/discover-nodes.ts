import { MINUTE_MS } from '#kernel/units';
import type { PrometheusReader } from '#platform/prometheus';
import type { NodeAddresses } from './node-identity.ts';
import { withoutPort } from './node-identity.ts';

const LOOKBACK_MS = 10 * MINUTE_MS;

/**
 * Learns from the source itself which address belongs to which node: from kube-state-metrics (`kube_node_info`), else
 * from node_exporter (`node_uname_info`, whose host name is the node's name unless someone changed it).
 *
 * @param nowMs - The present.
 * @returns One entry a node name; empty when the source has neither.
 */
export async function discoverNodes(reader: PrometheusReader, nowMs: number): Promise<NodeAddresses[]> {
  const found = new Map<string, Set<string>>();
  const note = (name: string | undefined, address: string | undefined): void => {
    if (name === undefined || name === '' || address === undefined || address === '') return;
    const addresses = found.get(name) ?? new Set();
    found.set(name, addresses.add(address));
  };
  const span = { startMs: nowMs - LOOKBACK_MS, endMs: nowMs + 1 };
  const read = (metric: string): ReturnType<PrometheusReader['read']> =>
    reader.read({ ...span, matchers: [{ name: '__name__', type: '=', value: metric }] });
  for await (const { labels } of read('kube_node_info')) note(labels['node'], labels['internal_ip']);
  const known = new Set([...found.values()].flatMap((addresses) => [...addresses]));
  for await (const { labels } of read('node_uname_info')) {
    const address = withoutPort(labels['instance'] ?? '');
    if (!known.has(address)) note(labels['nodename'], address);
  }
  return [...found].map(([name, addresses]) => ({ name, addresses: [...addresses] }));
}
