import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '#kernel/clock';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { SECOND_MS } from '#kernel/units';
import { watchNodes, watchPods } from '#platform/kubernetes';
import type { KubernetesClient, WatchStatus } from '#platform/kubernetes';
import { createLiveNodeIdentity } from './live-identity.ts';
import type { LiveNodeIdentity } from './live-identity.ts';
import { openWorkloadFacts } from './workload-facts.ts';
import type { WorkloadFacts } from './workload-facts.ts';

export interface FollowWorkloadsOptions {
  readonly client: KubernetesClient;
  /** Folder of the store; one process at a time may follow into it (see `createLeaderElector`). */
  readonly directory: string;
  /** Wall clock. */
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Address -> node name, from the configuration. */
  readonly staticNames?: Readonly<Record<string, string>>;
  /** Distance of two writes; default 5. */
  readonly flushSeconds?: number;
}

/** Follows the cluster for those who collect from it. */
export interface WorkloadFollower {
  readonly identity: LiveNodeIdentity;
  readonly facts: WorkloadFacts;
  status(): { readonly nodes: WatchStatus; readonly pods: WatchStatus };
  /** Resolves after the signal, when everything is on the disk. */
  readonly ended: Promise<void>;
}

const DEFAULT_FLUSH_SECONDS = 5;

/**
 * Watches nodes and pods: names nodes for the series of their metrics, and writes what each pod is beside them.
 *
 * @throws MlschedError `MLS_COLLECT_BAD_JOURNAL`, `MLS_FILES_*` when the store cannot be opened. Later failures of disk
 *   or network are logged and repaired once that works again.
 */
export async function followWorkloads(options: FollowWorkloadsOptions): Promise<WorkloadFollower> {
  const { client, signal, log, clock, directory, staticNames = {} } = options;
  const facts = await openWorkloadFacts({ directory, clock });
  const identity = createLiveNodeIdentity({
    staticNames,
    onConflict: (conflict) => log.warning('sources name an address differently', { conflict }),
  });
  const nodes = watchNodes({ client, signal, log, onChange: (events) => identity.update(events) });
  const pods = watchPods({
    client,
    signal,
    log,
    onChange: (events) => facts.apply(events),
    onSynced: () => facts.synced(),
  });
  const heardAtMs = (): number | undefined => {
    const { isSynced, ageSeconds } = pods.status();
    return isSynced && ageSeconds !== undefined ? clock.nowMs() - ageSeconds * SECOND_MS : undefined;
  };
  const flush = async (): Promise<void> => {
    try {
      await facts.flush(heardAtMs());
    } catch (error) {
      log.error('facts on workloads cannot be written; they are kept in memory', {
        reason: messageOf(error),
      });
    }
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await flush();
      const waitMs = (options.flushSeconds ?? DEFAULT_FLUSH_SECONDS) * SECOND_MS;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all([nodes.ended, pods.ended]);
    await flush();
    await facts.close();
  };
  return {
    identity,
    facts,
    status: () => ({ nodes: nodes.status(), pods: pods.status() }),
    ended: run(),
  };
}
