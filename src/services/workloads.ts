import { setTimeout as sleep } from 'node:timers/promises';
import { followWorkloads } from '#collect';
import type { IdentityConflict } from '#collect';
import { systemClock } from '#kernel/clock';
import type { Log } from '#kernel/log';
import { createKubernetesClient, createLeaderElector, openClusterAccess } from '#platform/kubernetes';
import type { KubernetesClient, OpenAccessOptions } from '#platform/kubernetes';
import { readNodeMap } from './collect-source.ts';

export interface FollowServiceOptions extends OpenAccessOptions {
  /** Folder of the store. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** YAML file of addresses and node names. */
  readonly nodeMapFile?: string;
  /** Several replicas: only the one that holds the Lease `mlsched-collector` writes. */
  readonly isElected: boolean;
}

/** What a run came to. */
export interface FollowResult {
  readonly nodes: number;
  readonly openFacts: number;
  readonly conflicts: readonly IdentityConflict[];
}

const LEASE = 'mlsched-collector';
const LEADER_CHECK_MS = 500;

/**
 * Follows the cluster until the signal and writes what its pods are into a store.
 *
 * @throws MlschedError `MLS_KUBERNETES_NO_ACCESS`, `_BAD_ACCESS`, `_UNAUTHORISED`, `_UNTRUSTED`, `_UNREACHABLE` when the
 *   first call fails; `MLS_COLLECT_BAD_JOURNAL`, `MLS_FILES_*`.
 */
export async function runWorkloadFollower(options: FollowServiceOptions): Promise<FollowResult> {
  const client = createKubernetesClient(await openClusterAccess(options));
  try {
    // A wrong address or token should be told at once, not retried for ever.
    await client.call({ path: '/version', signal: options.signal });
    return options.isElected
      ? await followWhileLeading(client, options)
      : await follow(client, options, options.signal);
  } finally {
    client.close();
  }
}

async function follow(
  client: KubernetesClient,
  { directory, log, nodeMapFile }: FollowServiceOptions,
  signal: AbortSignal,
): Promise<FollowResult> {
  const staticNames = nodeMapFile === undefined ? {} : await readNodeMap(nodeMapFile);
  const follower = await followWorkloads({ client, directory, clock: systemClock, signal, log, staticNames });
  await follower.ended;
  return {
    nodes: follower.status().nodes.objects,
    openFacts: follower.facts.openCount,
    conflicts: follower.identity.conflicts,
  };
}

/** Leaves the store alone unless this replica leads; begins again each time it comes to lead. */
async function followWhileLeading(
  client: KubernetesClient,
  options: FollowServiceOptions,
): Promise<FollowResult> {
  const { signal, log } = options;
  const elector = createLeaderElector({ client, name: LEASE, log });
  const elected = elector.run(signal);
  let result: FollowResult = { nodes: 0, openFacts: 0, conflicts: [] };
  while (!signal.aborted) {
    if (elector.isLeader()) {
      const term = new AbortController();
      const check = setInterval(() => {
        if (!elector.isLeader()) term.abort();
      }, LEADER_CHECK_MS);
      result = await follow(client, options, AbortSignal.any([signal, term.signal])).finally(() =>
        clearInterval(check),
      );
    }
    await sleep(LEADER_CHECK_MS, undefined, { signal }).catch(() => undefined);
  }
  await elected;
  return result;
}
