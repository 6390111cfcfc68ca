import { observeFinish, unbindPod } from '#domain';
import type { World } from './world.ts';

/** Until a pod that was killed for memory is queued again: doubles with each kill, as kubelet's back-off. */
const OOM_BACKOFF_SECONDS = 30;
const OOM_BACKOFF_MOST_SECONDS = 300;

/** A pod's time is up. Entries of pods that were moved meanwhile are stale and ignored. */
export function endPod(world: World, uid: number): void {
  const slot = world.tracker.slotOfUid[uid] as number;
  if (slot < 0 || (world.tracker.endSeconds[uid] as number) > world.nowSeconds()) return;
  const boundAtMs = world.state.view.pods.boundAtMs[slot] as number;
  const spec = world.specOf(uid);
  removePod(world, uid, slot);
  observeFinish(world.state, spec.ownerId, world.nowSeconds() - boundAtMs / 1000);
}

function removePod(world: World, uid: number, slot: number): void {
  unbindPod(world.state, world.specOf(uid), slot);
  world.tracker.slotOfUid[uid] = -1;
  world.hasFreedRoom = true;
}

/** Takes a running pod off its node and queues it for another, with what is left of its life. */
function evictPod(world: World, slot: number, delaySeconds: number): void {
  const uid = world.tracker.uidOfSlot[slot] as number;
  const now = world.nowSeconds();
  world.tracker.remainingSeconds[uid] = Math.max((world.tracker.endSeconds[uid] as number) - now, 1);
  removePod(world, uid, slot);
  world.future.invalidate();
  world.pending.push({ uid, notBeforeSeconds: now + delaySeconds, sinceSeconds: now + delaySeconds });
}

/** Kills pods on nodes whose memory is exhausted, the one furthest above its request first. */
export function killForMemory(world: World): void {
  const { loads, state, tracker, accounting } = world;
  const { memoryCapacityBytes } = state.view.nodes;
  for (let node = 0; node < state.view.nodeCount; node++) {
    while ((loads.memoryDemandBytes[node] as number) > (memoryCapacityBytes[node] as number)) {
      const slot = worstOffender(world, node);
      if (slot < 0) break;
      loads.memoryDemandBytes[node] =
        (loads.memoryDemandBytes[node] as number) - (tracker.memoryDemandBytes[slot] as number);
      loads.cpuDemandMillicores[node] =
        (loads.cpuDemandMillicores[node] as number) - (tracker.cpuDemandMillicores[slot] as number);
      evictPod(world, slot, oomBackoffSeconds(tracker, slot));
      if (world.nowSeconds() > 0) accounting.counts.oomKills++;
      world.options.onOomKill?.(node);
    }
  }
}

function oomBackoffSeconds(tracker: World['tracker'], slot: number): number {
  const uid = tracker.uidOfSlot[slot] as number;
  const before = tracker.oomKills[uid] as number;
  tracker.oomKills[uid] = before + 1;
  return Math.min(OOM_BACKOFF_SECONDS * 2 ** before, OOM_BACKOFF_MOST_SECONDS);
}

/** Slot of the ordinary pod on the node whose memory exceeds its request most; -1 when there is none. */
function worstOffender({ state, tracker }: World, node: number): number {
  const { pods } = state.view;
  let worst = -1;
  let most = -Infinity;
  for (let slot = 0; slot < pods.slotCount; slot++) {
    if (pods.node[slot] !== node || pods.isDaemon[slot] === 1) continue;
    const excess = (tracker.memoryDemandBytes[slot] as number) - (pods.memoryRequestBytes[slot] as number);
    if (excess > most) {
      most = excess;
      worst = slot;
    }
  }
  return worst;
}

/** The next outage begins: its nodes go down and their pods will be queued again. */
export function failNodes(world: World): void {
  const outage = world.outages.shift();
  if (outage === undefined) return;
  const { pods, nodes } = world.state.view;
  for (const node of outage.nodes) {
    nodes.isReady[node] = 0;
    for (let slot = 0; slot < pods.slotCount; slot++) {
      if (pods.node[slot] === node && pods.isDaemon[slot] === 0)
        evictPod(world, slot, outage.rescheduleSeconds);
    }
  }
  world.recoveries.push({ ...outage, atSeconds: outage.atSeconds + outage.downSeconds });
  world.recoveries.sort((a, b) => a.atSeconds - b.atSeconds);
}

/** The nodes of the earliest outage are back. */
export function recoverNodes(world: World): void {
  const recovery = world.recoveries.shift();
  if (recovery === undefined) return;
  for (const node of recovery.nodes) world.state.view.nodes.isReady[node] = 1;
  world.hasFreedRoom = true;
}
