import type { Clock } from '#kernel/clock';

import type { NodeLoad } from '../cluster/types.ts';
import type { LoadSource } from './types.ts';

interface PushedNode {
  readonly name: string;
  readonly cpuUsageRatio: number;
  readonly memoryUsageRatio: number;
  readonly atMs?: number | undefined;
}

/** Load that somebody else measures and sends. */
export interface PushedLoad extends LoadSource {
  /** @returns How many nodes were taken. */
  push(nodes: readonly PushedNode[]): number;
}

/** Names come from outside: no more than a large cluster has. */
const MOST_NODES = 20_000;

export function createPushedLoad(clock: Clock): PushedLoad {
  const nodes = new Map<string, NodeLoad>();
  return {
    push(pushed) {
      let accepted = 0;
      for (const { name, cpuUsageRatio, memoryUsageRatio, atMs } of pushed) {
        if (!nodes.has(name) && nodes.size >= MOST_NODES) continue;
        nodes.set(name, { cpuUsageRatio, memoryUsageRatio, atMs: atMs ?? clock.nowMs() });
        accepted++;
      }
      return accepted;
    },
    read: () => Promise.resolve({ nodes, pods: undefined }),
  };
}
