import { bindPod, findFeasible, isFeasible } from '#domain';
import type { PodSpec } from '#domain';

import { choiceInfeasible } from './errors.ts';
import { reserveSlot } from './pod-tracker.ts';
import type { PendingPod, World } from './world.ts';

/** Tries to place a pod; without room it joins the queue. Returns whether it was placed. */
export function attemptPod(world: World, pod: PendingPod): boolean {
  const spec = world.specOf(pod.uid);
  const suitable = findFeasible(world.state.view, spec, world.feasible);
  const node = chooseNode(world, spec, suitable);
  if (node < 0) {
    refusePod(world, pod);
    return false;
  }
  startPod(world, spec, node);
  noteBurst(world, pod.uid, node, suitable);
  if (world.tracker.wasRefused[pod.uid] === 1 && world.nowSeconds() >= 0) {
    world.accounting.counts.queueSeconds += world.nowSeconds() - pod.sinceSeconds;
    world.accounting.counts.queuedPods++;
  }
  return true;
}

/** Pods of a burst count where they were placed first; those that were killed or waited no longer tell. */
function noteBurst(world: World, uid: number, node: number, suitable: number): void {
  const burst = world.options.workload.pods.burst[uid] as number;
  const isFirst = world.tracker.wasRefused[uid] === 0 && world.tracker.oomKills[uid] === 0;
  if (burst >= 0 && isFirst) world.bursts.add(burst, node, suitable);
}

function refusePod(world: World, pod: PendingPod): void {
  world.pending.push(pod);
  if (world.tracker.wasRefused[pod.uid] === 1) return;
  world.tracker.wasRefused[pod.uid] = 1;
  if (world.nowSeconds() >= 0) world.accounting.counts.unschedulablePods++;
}

/** Index of the node that the policy wants; -1 when no node has room. */
function chooseNode(world: World, spec: PodSpec, count: number): number {
  const { view } = world.state;
  if (count <= 1) return count === 0 ? -1 : (world.feasible[0] as number);
  if (!world.isTakenOver) return world.stock.choose(spec, view, world.feasible, count);
  const chosen = askPolicy(world, spec, count);
  if (chosen >= 0) return chosen;
  world.abstentions++;
  return world.stock.choose(spec, view, world.feasible, count);
}

function askPolicy(world: World, spec: PodSpec, count: number): number {
  const { view } = world.state;
  const clock = world.options.nowMicros;
  const began = clock?.() ?? 0;
  const chosen = world.policy.choose(spec, view, world.feasible, count);
  if (clock !== undefined && world.nowSeconds() >= 0) world.latency.add(clock() - began);
  if (chosen >= 0 && !(chosen < view.nodeCount && isFeasible(view, spec, chosen))) {
    throw choiceInfeasible(world.policy.name, chosen);
  }
  return chosen;
}

function startPod(world: World, spec: PodSpec, node: number): void {
  const { tracker, state } = world;
  const now = world.nowSeconds();
  const slot = bindPod(state, spec, node);
  reserveSlot(tracker, slot);
  tracker.uidOfSlot[slot] = spec.uid;
  tracker.slotOfUid[spec.uid] = slot;
  tracker.nextChangeSeconds[slot] = -Infinity;
  tracker.endSeconds[spec.uid] = now + (tracker.remainingSeconds[spec.uid] as number);
  world.departures.push(tracker.endSeconds[spec.uid] as number, spec.uid);
  world.future.addPod(spec.uid, node);
  if (now >= 0) world.placements++;
}

/** Tries the queue again, by priority, then by age: those that are due, when room was freed or they are new. */
export function retryPending(world: World): void {
  if (world.pending.length === 0) return;
  const now = world.nowSeconds();
  const isNew = (pod: PendingPod): boolean =>
    pod.notBeforeSeconds <= now && pod.notBeforeSeconds > now - world.options.scenario.stepSeconds;
  const due = world.pending.filter(
    (pod) => (world.hasFreedRoom && pod.notBeforeSeconds <= now) || isNew(pod),
  );
  if (due.length === 0) return;
  const isDue = new Set(due);
  world.pending = world.pending.filter((pod) => !isDue.has(pod));
  world.hasFreedRoom = false;
  const priorities = new Map(due.map((pod) => [pod, world.specOf(pod.uid).priority]));
  due.sort((a, b) => (priorities.get(b) ?? 0) - (priorities.get(a) ?? 0) || a.sinceSeconds - b.sinceSeconds);
  const hopeless = new Set<number>();
  for (const pod of due) {
    const { ownerId } = world.specOf(pod.uid);
    if (hopeless.has(ownerId)) refusePod(world, pod);
    else if (!attemptPod(world, pod)) hopeless.add(ownerId);
  }
}
