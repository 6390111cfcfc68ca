import { bindPod, createClusterState, observeFinish, rebuildNodes, unbindPod } from '#domain';
import type { ClusterState, NodeSpec, ObservedNode, ObservedPod, PodSpec } from '#domain';
import type { Clock } from '#kernel/clock';
import { SECOND_MS } from '#kernel/units';

import { createLoadIntake } from './load-intake.ts';
import type { LoadIntake, LoadIntakeOptions } from './load-intake.ts';
import { createOwnerBook, ownerKey } from './owners.ts';
import type { OwnerBook } from './owners.ts';
import { createPhantomBook } from './phantoms.ts';
import type { PhantomBook } from './phantoms.ts';
import { hasEnded, isDaemonPod, isFinite, podKey, requestOwner, specOf } from './pods.ts';
import type { PodEntry } from './pods.ts';
import type {
  BoundPod,
  ClusterChange,
  ClusterHealth,
  KnownPod,
  LiveCluster,
  LoadReport,
  PlacementEvent,
  PodRequest,
  RequestedTotals,
} from './types.ts';

export interface LiveClusterOptions extends LoadIntakeOptions {
  readonly clock: Clock;
  /** A reservation that nothing confirms for this long is given up. */
  readonly reserveTtlSeconds: number;
}

/** Pods that only requests have described, at most: they come from outside. */
const MOST_DESCRIBED = 20_000;

export function createLiveCluster(options: LiveClusterOptions): LiveCluster {
  return new Cluster(options);
}

class Cluster implements LiveCluster {
  private readonly options: LiveClusterOptions;
  private readonly state: ClusterState;
  private readonly owners: OwnerBook;
  private readonly phantoms: PhantomBook;
  private readonly intake: LoadIntake;
  private readonly nodes = new Map<string, ObservedNode>();
  private readonly pods = new Map<string, PodEntry>();
  private readonly listeners: ((pod: BoundPod) => void)[] = [];
  private rows = new Map<string, number>();
  private described = 0;
  private hasStarted = false;
  needsRebuild = false;

  constructor(options: LiveClusterOptions) {
    this.options = options;
    this.state = createClusterState([], 0, options.tickSeconds);
    this.owners = createOwnerBook(this.state);
    this.phantoms = createPhantomBook(this.state);
    this.intake = createLoadIntake(this.state, options);
  }

  get view() {
    this.advance();
    return this.state.view;
  }

  onBound(listener: (pod: BoundPod) => void): void {
    this.listeners.push(listener);
  }

  rowOf(node: string): number {
    return this.rows.get(node) ?? -1;
  }

  isFresh(row: number): boolean {
    const { metrics, nodes, nowMs } = this.state.view;
    const ageMs = nowMs - (metrics.scrapedAtMs[row] as number);
    return (
      ageMs <= this.options.staleSeconds * SECOND_MS &&
      !Number.isNaN(metrics.cpu.latestRatio[row]) &&
      (nodes.cpuCapacityMillicores[row] as number) > 0
    );
  }

  applyNodes(changes: readonly ClusterChange<ObservedNode>[]): void {
    for (const change of changes) {
      if (change.type === 'removed') this.removeNode(change.name);
      else this.setNode(change.object);
    }
  }

  private setNode(node: ObservedNode): void {
    const before = this.nodes.get(node.name);
    this.nodes.set(node.name, node);
    const row = this.rowOf(node.name);
    if (row < 0 || before === undefined || isResized(before, node)) this.needsRebuild = true;
    if (row >= 0) this.writeFlags(row, node);
  }

  private writeFlags(row: number, node: ObservedNode): void {
    this.state.view.nodes.isReady[row] = node.isReady ? 1 : 0;
    this.state.view.nodes.isSchedulable[row] = isOpen(node) ? 1 : 0;
  }

  private removeNode(name: string): void {
    if (!this.nodes.delete(name)) return;
    this.needsRebuild = true;
    const row = this.rowOf(name);
    if (row >= 0) this.state.view.nodes.isReady[row] = 0;
  }

  /** Names in order: the same nodes have the same rows on every replica. */
  rebuild(): void {
    this.advance();
    this.needsRebuild = false;
    this.hasStarted = true;
    this.phantoms.clear();
    const specs = [...this.nodes.values()].map(nodeSpec).sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of this.pods.values()) {
      if (entry.slot >= 0 && !this.nodes.has(entry.node ?? '')) this.takeOff(entry);
    }
    rebuildNodes(this.state, specs);
    this.rows = new Map(specs.map(({ name }, row) => [name, row]));
    for (const node of this.nodes.values()) this.writeFlags(this.rowOf(node.name), node);
    for (const entry of this.pods.values()) if (entry.state !== 'pending') this.putOn(entry);
  }

  applyPods(changes: readonly ClusterChange<ObservedPod>[]): void {
    this.advance();
    for (const change of changes) {
      if (change.type === 'removed') {
        this.removePod(podKey(change.namespace, change.name), change.uid);
      } else if (hasEnded(change.object)) {
        this.endPod(change.object);
      } else {
        this.setPod(change.object);
      }
    }
  }

  private setPod(pod: ObservedPod): void {
    const key = podKey(pod.namespace, pod.name);
    const before = this.pods.get(key);
    if (before !== undefined && before.uid !== pod.uid) this.forget(before);
    const known = before?.uid === pod.uid ? before : undefined;
    if (pod.nodeName === undefined) {
      if (known === undefined || !known.isWatched) this.watchPending(pod, known);
      return;
    }
    if (known !== undefined && isUnchanged(known, pod)) return;
    this.watchBound(pod, pod.nodeName, known);
  }

  private watchBound(pod: ObservedPod, node: string, known: PodEntry | undefined): void {
    const entry = this.watchedEntry(pod, known);
    // A pod that was waiting was bound just now; only those that were there before us may have run for long.
    const isOld = known === undefined && !this.hasStarted;
    const { nowMs } = this.state.view;
    const boundAtMs = isOld ? Math.min(pod.startedAtMs ?? pod.createdAtMs ?? nowMs, nowMs) : nowMs;
    this.bind(entry, node, boundAtMs);
  }

  /** A pod that waits; a reservation of it stays as it is. */
  private watchPending(pod: ObservedPod, known: PodEntry | undefined): void {
    const entry = this.watchedEntry(pod, known);
    if (known === undefined) entry.sinceMs = pod.createdAtMs ?? this.state.view.nowMs;
  }

  private watchedEntry(pod: ObservedPod, known: PodEntry | undefined): PodEntry {
    const owner = ownerKey(pod.namespace, pod.owner);
    const spec = specOf(pod.uid, this.owners.take(owner), { ...pod, isDaemon: isDaemonPod(pod) });
    // What a request said of the pod was a guess at its workload.
    if (known !== undefined && known.slot >= 0) this.takeOff(known);
    if (known !== undefined && !known.isWatched) this.described--;
    const entry: PodEntry = {
      state: 'pending',
      node: undefined,
      boundAtMs: Number.NaN,
      sinceMs: this.state.view.nowMs,
      ...known,
      key: podKey(pod.namespace, pod.name),
      uid: pod.uid,
      spec,
      owner,
      ownerKind: pod.owner.kind,
      schedulerName: pod.schedulerName,
      slot: -1,
      isWatched: true,
    };
    this.pods.set(entry.key, entry);
    if (entry.state === 'reserved') this.putOn(entry);
    return entry;
  }

  private bind(entry: PodEntry, node: string, boundAtMs: number): void {
    const isNews = entry.state !== 'bound';
    const isMove = entry.node !== node;
    if (isMove) this.takeOff(entry);
    entry.state = 'bound';
    entry.node = node;
    entry.sinceMs = this.state.view.nowMs;
    if (isMove || Number.isNaN(entry.boundAtMs)) entry.boundAtMs = boundAtMs;
    this.putOn(entry);
    if (isNews || isMove) this.tell(entry, node);
  }

  private tell(entry: PodEntry, node: string): void {
    const at = entry.key.indexOf('/');
    const bound: BoundPod = {
      uid: entry.uid,
      namespace: entry.key.slice(0, at),
      name: entry.key.slice(at + 1),
      node,
      schedulerName: entry.schedulerName,
      isDaemon: entry.spec.isDaemon,
      owner: entry.owner,
    };
    for (const listener of this.listeners) listener(bound);
  }

  private putOn(entry: PodEntry): void {
    const row = this.rowOf(entry.node ?? '');
    if (entry.slot >= 0 || row < 0) return;
    entry.slot = bindPod(this.state, entry.spec, row, entry.boundAtMs);
  }

  private takeOff(entry: PodEntry): void {
    if (entry.slot < 0) return;
    unbindPod(this.state, entry.spec, entry.slot);
    entry.slot = -1;
  }

  private forget(entry: PodEntry): void {
    this.takeOff(entry);
    if (!entry.isWatched) this.described--;
    this.pods.delete(entry.key);
  }

  private removePod(key: string, uid: string): void {
    const entry = this.pods.get(key);
    if (entry === undefined || entry.uid !== uid) return;
    this.noteEnd(entry);
    this.forget(entry);
  }

  private endPod(pod: ObservedPod): void {
    this.removePod(podKey(pod.namespace, pod.name), pod.uid);
  }

  /** Only pods of workloads that end by themselves tell how long such pods live. */
  private noteEnd(entry: PodEntry): void {
    if (entry.state !== 'bound' || !isFinite(entry.ownerKind)) return;
    const lifetimeSeconds = (this.state.view.nowMs - entry.boundAtMs) / SECOND_MS;
    if (lifetimeSeconds > 0) observeFinish(this.state, entry.spec.ownerId, lifetimeSeconds);
  }

  applyEvents(events: readonly PlacementEvent[]): number {
    this.advance();
    let accepted = 0;
    for (const event of events) if (this.applyEvent(event)) accepted++;
    return accepted;
  }

  private applyEvent(event: PlacementEvent): boolean {
    const entry = this.pods.get(podKey(event.namespace, event.name));
    if (entry === undefined || entry.uid !== event.podUid) return false;
    if (event.type === 'unreserved') {
      if (entry.state === 'reserved') this.release(entry);
      return true;
    }
    // The watch knows better: a late report does not take a bound pod elsewhere.
    if (entry.state === 'bound') return true;
    if (event.type === 'bound') {
      this.bind(entry, event.node, this.state.view.nowMs);
      return true;
    }
    this.takeOff(entry);
    entry.state = 'reserved';
    entry.node = event.node;
    entry.boundAtMs = this.state.view.nowMs;
    entry.sinceMs = this.state.view.nowMs;
    this.putOn(entry);
    return true;
  }

  private release(entry: PodEntry): void {
    this.takeOff(entry);
    entry.state = 'pending';
    entry.node = undefined;
    entry.boundAtMs = Number.NaN;
    if (!entry.isWatched) this.forget(entry);
  }

  describePod(pod: PodRequest): KnownPod {
    const key = podKey(pod.namespace, pod.name);
    const known = this.pods.get(key);
    if (known !== undefined && known.uid === pod.uid) return { spec: known.spec, owner: known.owner };
    const owner = requestOwner(pod);
    const spec = specOf(pod.uid, this.owners.find(owner.key), pod);
    // A namesake that the watch shows is another pod: it stays until the watch says otherwise.
    if (known !== undefined || this.described >= MOST_DESCRIBED) return { spec, owner: owner.key };
    this.described++;
    this.pods.set(key, {
      key,
      uid: pod.uid,
      spec,
      owner: owner.key,
      ownerKind: owner.kind,
      schedulerName: pod.schedulerName,
      state: 'pending',
      node: undefined,
      slot: -1,
      sinceMs: this.advance(),
      boundAtMs: Number.NaN,
      isWatched: false,
    });
    return { spec, owner: owner.key };
  }

  reconcileRequested(nodes: Int32Array, requested: readonly RequestedTotals[]): void {
    this.advance();
    nodes.forEach((node, i) => {
      const totals = requested[i];
      if (node >= 0 && totals !== undefined) this.phantoms.reconcile(node, totals);
    });
  }

  recordLoad(report: LoadReport): void {
    const nowMs = this.advance();
    this.expire(nowMs);
    this.intake.record(report, nowMs, this.pods.values());
  }

  recordPast(report: LoadReport, atMs: number): void {
    const { view } = this.state;
    const { nowMs } = view;
    view.nowMs = atMs;
    this.intake.recordPast(report, atMs);
    view.nowMs = nowMs;
  }

  nodeAddresses(): readonly ObservedNode[] {
    return [...this.nodes.values()];
  }

  /** Gives up reservations that nothing confirmed, and descriptions of pods that never appeared. */
  private expire(nowMs: number): void {
    const oldestMs = nowMs - this.options.reserveTtlSeconds * SECOND_MS;
    for (const entry of this.pods.values()) {
      if (entry.sinceMs >= oldestMs) continue;
      if (entry.state === 'reserved') this.release(entry);
      else if (!entry.isWatched) this.forget(entry);
    }
  }

  health(): ClusterHealth {
    const nowMs = this.advance();
    const { view } = this.state;
    let freshNodes = 0;
    for (let row = 0; row < view.nodeCount; row++) if (this.isFresh(row)) freshNodes++;
    const counts = { boundPods: 0, inFlightPods: this.phantoms.count, pendingPods: 0, oldestMs: nowMs };
    for (const entry of this.pods.values()) this.count(entry, counts);
    const { oldestMs, ...pods } = counts;
    return {
      nodes: view.nodeCount,
      freshNodes,
      ...pods,
      oldestPendingSeconds: (nowMs - oldestMs) / SECOND_MS,
    };
  }

  private count(
    entry: PodEntry,
    counts: { boundPods: number; inFlightPods: number; pendingPods: number; oldestMs: number },
  ): void {
    if (entry.state === 'pending') {
      if (!entry.isWatched) return;
      counts.pendingPods++;
      counts.oldestMs = Math.min(counts.oldestMs, entry.sinceMs);
      return;
    }
    const isVisible = entry.slot >= 0 && !Number.isNaN(this.state.view.pods.cpuUsageMillicores[entry.slot]);
    if (isVisible) counts.boundPods++;
    else counts.inFlightPods++;
  }

  /** Time never goes back: what is ordered by it must stay in order. */
  private advance(): number {
    const { view } = this.state;
    view.nowMs = Math.max(view.nowMs, this.options.clock.nowMs());
    return view.nowMs;
  }
}

/** Most news of a running pod is about its status. Requests can change while it runs. */
function isUnchanged({ state, node, isWatched, spec }: PodEntry, pod: ObservedPod): boolean {
  return state === 'bound' && node === pod.nodeName && isWatched && asksTheSame(spec, pod);
}

function asksTheSame(spec: PodSpec, pod: ObservedPod): boolean {
  return (
    spec.cpuRequestMillicores === pod.cpuRequestMillicores &&
    spec.memoryRequestBytes === pod.memoryRequestBytes &&
    spec.cpuLimitMillicores === pod.cpuLimitMillicores &&
    spec.memoryLimitBytes === pod.memoryLimitBytes
  );
}

function isResized(before: ObservedNode, after: ObservedNode): boolean {
  return (
    before.cpuCapacityMillicores !== after.cpuCapacityMillicores ||
    before.memoryCapacityBytes !== after.memoryCapacityBytes ||
    before.cpuAllocatableMillicores !== after.cpuAllocatableMillicores ||
    before.memoryAllocatableBytes !== after.memoryAllocatableBytes ||
    before.podsAllocatable !== after.podsAllocatable
  );
}

function nodeSpec(node: ObservedNode): NodeSpec {
  return {
    name: node.name,
    cpuCapacityMillicores: node.cpuCapacityMillicores,
    memoryCapacityBytes: node.memoryCapacityBytes,
    cpuAllocatableMillicores: node.cpuAllocatableMillicores,
    memoryAllocatableBytes: node.memoryAllocatableBytes,
    podsAllocatable: node.podsAllocatable,
    isSchedulable: isOpen(node),
  };
}

const CONTROL_PLANE = new Set(['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']);

function isOpen({ isCordoned, taints }: ObservedNode): boolean {
  return (
    !isCordoned && !taints.some(({ key, effect }) => CONTROL_PLANE.has(key) && effect !== 'PreferNoSchedule')
  );
}
