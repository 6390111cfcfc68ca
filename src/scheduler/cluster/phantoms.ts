import { bindPod, unbindPod } from '#domain';
import type { ClusterState, PodSpec } from '#domain';
import { MINUTE_MS } from '#kernel/units';

import { UNKNOWN_OWNER } from './owners.ts';
import type { RequestedTotals } from './types.ts';

/** A difference that lasts this long is another way of counting, not a pod in flight. */
const LASTING_MS = 2 * MINUTE_MS;

const NOTHING: Excess = [0, 0];

interface Phantom {
  readonly spec: PodSpec;
  readonly slot: number;
  readonly sinceMs: number;
}

/**
 * Stands in for pods that the scheduler has placed and nobody told us of: where its own totals are above ours, the
 * difference counts as one pod in flight. A lasting difference becomes the base that later ones are measured from.
 */
export interface PhantomBook {
  reconcile(node: number, totals: RequestedTotals): void;
  /** Removes all; before rows of nodes change. */
  clear(): void;
  readonly count: number;
}

export function createPhantomBook(state: ClusterState): PhantomBook {
  const phantoms = new Map<number, Phantom>();
  const bases = new Map<string, Excess>();
  const drop = (node: number): void => {
    const found = phantoms.get(node);
    if (found === undefined) return;
    unbindPod(state, found.spec, found.slot);
    phantoms.delete(node);
  };
  return {
    get count() {
      return phantoms.size;
    },
    clear() {
      for (const node of phantoms.keys()) drop(node);
    },
    reconcile(node, totals) {
      const { view } = state;
      const name = String(view.nodeNames[node]);
      const found = phantoms.get(node);
      const over = excess(state, node, totals, found?.spec);
      const base = bases.get(name) ?? NOTHING;
      const isLasting = hasLasted(found, view.nowMs);
      if (isLasting || isCovered(over, base)) {
        drop(node);
        // The base follows at once when the difference shrinks, and when it lasts.
        if (isLasting || base !== NOTHING) bases.set(name, over);
        return;
      }
      const wanted = phantomSpec(Math.max(0, over[0] - base[0]), Math.max(0, over[1] - base[1]));
      if (found !== undefined && isEqual(found.spec, wanted)) return;
      const sinceMs = found?.sinceMs ?? view.nowMs;
      drop(node);
      phantoms.set(node, { spec: wanted, slot: bindPod(state, wanted, node), sinceMs });
    },
  };
}

type Excess = readonly [cpuMillicores: number, memoryBytes: number];

function hasLasted(found: Phantom | undefined, nowMs: number): boolean {
  return found !== undefined && nowMs - found.sinceMs > LASTING_MS;
}

function isCovered(over: Excess, base: Excess): boolean {
  return over[0] <= base[0] && over[1] <= base[1];
}

/** The caller's totals less ours, the stand-in left out. */
function excess(
  { view }: ClusterState,
  node: number,
  totals: RequestedTotals,
  own: PodSpec | undefined,
): Excess {
  const cpu = (view.nodes.cpuRequestedMillicores[node] as number) - (own?.cpuRequestMillicores ?? 0);
  const memory = (view.nodes.memoryRequestedBytes[node] as number) - (own?.memoryRequestBytes ?? 0);
  return [Math.max(0, (totals[0] ?? 0) - cpu), Math.max(0, (totals[1] ?? 0) - memory)];
}

function isEqual(one: PodSpec, other: PodSpec): boolean {
  return (
    one.cpuRequestMillicores === other.cpuRequestMillicores &&
    one.memoryRequestBytes === other.memoryRequestBytes
  );
}

function phantomSpec(cpuRequestMillicores: number, memoryRequestBytes: number): PodSpec {
  return {
    uid: 0,
    ownerId: UNKNOWN_OWNER,
    cpuRequestMillicores,
    memoryRequestBytes,
    cpuLimitMillicores: 0,
    memoryLimitBytes: 0,
    priority: 0,
    qos: 'burstable',
    isDaemon: false,
  };
}
