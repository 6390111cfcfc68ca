import type { ClusterView, PodSpec } from '#domain';

import type { PodEstimate, UsageProfile } from './usage-profile.ts';

/** Spans over which the expected load of a node is kept, seconds. */
const OUTLOOK_SPANS_SECONDS = [900, 3600, 14_400] as const;
const SPANS = OUTLOOK_SPANS_SECONDS.length;

/** Where a node's capacity is unknown or zero nothing can be said: such nodes are left out by callers. */
export interface Outlook {
  /** Renews everything from the view; call after each scrape. Cost O(pod slots + nodes). */
  refresh(view: ClusterView): void;
  /** Counts the pods bound since the last scrape; call before each decision. Cost O(those pods + nodes). */
  countNewBindings(view: ClusterView): void;
  /**
   * Expected mean CPU of a node over the next `seconds` as a ratio of capacity: background plus each bound
   * pod's expected use times the share of the span that it is expected to live. Includes pods in flight.
   */
  cpuRatio(node: number, seconds: number): number;
  /** Measured CPU plus what pods in flight will add, ratio of capacity. */
  cpuNowRatio(node: number): number;
  /** What pods not yet visible in the metrics will use, ratio of capacity. */
  cpuInFlightRatio(node: number): number;
  /** Standard deviation of the node's use that its pods' own variation causes, ratio of capacity. */
  cpuSdRatio(node: number): number;
  memoryRatio(node: number): number;
  /** Pods of this workload on each node, filled into `out` (shape `[nodes]`). */
  countSiblings(ownerId: number, out: Float64Array): void;
  readonly profile: UsageProfile;
}

export function createOutlook(profile: UsageProfile): Outlook {
  return new NodeOutlook(profile);
}

class NodeOutlook implements Outlook {
  readonly profile: UsageProfile;
  private view: ClusterView | undefined;
  private background = new Float64Array(0);
  private spans = new Float64Array(0);
  private inFlight = new Float64Array(0);
  private variance = new Float64Array(0);
  private memory = new Float64Array(0);
  private fresh: FreshLoad = createFreshLoad(0);
  private refreshedAtMs = Number.NEGATIVE_INFINITY;
  /** Slots of one workload as a linked list: first slot by owner, next slot by slot. */
  private firstOfOwner = new Int32Array(0);
  private nextOfOwner = new Int32Array(0);

  constructor(profile: UsageProfile) {
    this.profile = profile;
  }

  refresh(view: ClusterView): void {
    this.view = view;
    this.refreshedAtMs = view.nowMs;
    this.allocate(view);
    for (const table of [this.background, this.spans, this.inFlight, this.variance, this.memory])
      table.fill(0);
    this.firstOfOwner.fill(-1);
    const { pods } = view;
    for (let slot = 0; slot < pods.slotCount; slot++) {
      if ((pods.node[slot] as number) >= 0) this.addSlot(view, slot);
    }
    for (let node = 0; node < view.nodeCount; node++) this.settleNode(view, node);
    this.countNewBindings(view);
  }

  countNewBindings(view: ClusterView): void {
    this.view = view;
    const { pods } = view;
    const { fresh } = this;
    clearFreshLoad(fresh);
    for (let i = pods.recentCount - 1; i >= 0; i--) {
      const slot = pods.recentSlots[i] as number;
      if (slot < 0) continue;
      if ((pods.boundAtMs[slot] as number) < this.refreshedAtMs) break;
      if ((pods.node[slot] as number) < 0 || this.isCounted(slot)) continue;
      addFresh(fresh, view, slot, this.profile.estimate(specOf(view, slot)));
    }
  }

  cpuRatio(node: number, seconds: number): number {
    const row = node * SPANS;
    const expected = interpolateSpans(this.spans, row, seconds);
    return this.share(expected + (this.fresh.cpu[node] as number), node);
  }

  cpuNowRatio(node: number): number {
    const latest = this.view?.metrics.cpu.latestRatio[node] ?? Number.NaN;
    return latest + this.cpuInFlightRatio(node);
  }

  cpuInFlightRatio(node: number): number {
    return this.share((this.inFlight[node] as number) + (this.fresh.cpu[node] as number), node);
  }

  cpuSdRatio(node: number): number {
    const variance = (this.variance[node] as number) + (this.fresh.variance[node] as number);
    return this.share(Math.sqrt(variance), node);
  }

  memoryRatio(node: number): number {
    const bytes = (this.memory[node] as number) + (this.fresh.memory[node] as number);
    return bytes / (this.view?.nodes.memoryCapacityBytes[node] ?? Number.NaN);
  }

  countSiblings(ownerId: number, out: Float64Array): void {
    const view = this.view;
    if (view === undefined) return;
    out.fill(0, 0, view.nodeCount);
    const { pods } = view;
    let slot = ownerId < this.firstOfOwner.length ? (this.firstOfOwner[ownerId] as number) : -1;
    while (slot >= 0) {
      const node = pods.node[slot] as number;
      if (node >= 0 && pods.ownerId[slot] === ownerId) out[node] = (out[node] as number) + 1;
      slot = this.nextOfOwner[slot] as number;
    }
    for (let i = 0; i < this.fresh.slots.length; i++) {
      const fresh = this.fresh.slots[i] as number;
      const node = pods.node[fresh] as number;
      if (pods.ownerId[fresh] === ownerId && node >= 0) out[node] = (out[node] as number) + 1;
    }
  }

  private share(millicores: number, node: number): number {
    return millicores / (this.view?.nodes.cpuCapacityMillicores[node] ?? Number.NaN);
  }

  /** True for a slot that the last refresh already counted with this very pod. */
  private isCounted(slot: number): boolean {
    return slot < this.countedAtMs.length && this.countedAtMs[slot] === this.view?.pods.boundAtMs[slot];
  }
  private countedAtMs = new Float64Array(0);

  private addSlot(view: ClusterView, slot: number): void {
    const { pods } = view;
    const node = pods.node[slot] as number;
    const owner = pods.ownerId[slot] as number;
    const expected = this.profile.slotCpuMillicores(slot);
    const remaining = this.profile.slotRemainingSeconds(slot);
    for (let span = 0; span < SPANS; span++) {
      const share = livedShare(OUTLOOK_SPANS_SECONDS[span] as number, remaining);
      const at = node * SPANS + span;
      this.spans[at] = (this.spans[at] as number) + expected * share;
    }
    const seen = pods.cpuUsageMillicores[slot] as number;
    // Background starts as minus the visible use; the measured load is added once all slots are in.
    if (Number.isNaN(seen)) this.inFlight[node] = (this.inFlight[node] as number) + expected;
    else this.background[node] = (this.background[node] as number) - seen;
    this.variance[node] = (this.variance[node] as number) + this.profile.slotCpuSdMillicores(slot) ** 2;
    if (Number.isNaN(pods.memoryUsageBytes[slot])) {
      this.memory[node] = (this.memory[node] as number) + this.profile.slotMemoryBytes(slot);
    }
    this.countedAtMs[slot] = pods.boundAtMs[slot] as number;
    if (owner < 0) return;
    this.nextOfOwner[slot] = this.firstOfOwner[owner] as number;
    this.firstOfOwner[owner] = slot;
  }

  /** Adds what the node's metrics show beyond its visible pods, and keeps unknown as NaN. */
  private settleNode(view: ClusterView, node: number): void {
    const capacity = view.nodes.cpuCapacityMillicores[node] as number;
    const measured = (view.metrics.cpu.latestRatio[node] as number) * capacity;
    const background = Math.max(0, (this.background[node] as number) + measured);
    for (let span = 0; span < SPANS; span++) {
      const at = node * SPANS + span;
      this.spans[at] = (this.spans[at] as number) + background;
    }
    const memory = view.metrics.memory.latestRatio[node] as number;
    const bytes = memory * (view.nodes.memoryCapacityBytes[node] as number);
    this.memory[node] = (this.memory[node] as number) + bytes;
  }

  private allocate(view: ClusterView): void {
    const { nodeCount, pods, workloads } = view;
    if (this.background.length !== nodeCount) {
      this.background = new Float64Array(nodeCount);
      this.spans = new Float64Array(nodeCount * SPANS);
      this.inFlight = new Float64Array(nodeCount);
      this.variance = new Float64Array(nodeCount);
      this.memory = new Float64Array(nodeCount);
      this.fresh = createFreshLoad(nodeCount);
    }
    if (this.nextOfOwner.length < pods.slotCount) {
      const size = Math.max(pods.slotCount, 2 * this.nextOfOwner.length);
      this.nextOfOwner = new Int32Array(size);
      this.countedAtMs = new Float64Array(size).fill(Number.NaN);
    }
    if (this.firstOfOwner.length < workloads.ownerCount) {
      this.firstOfOwner = new Int32Array(Math.max(workloads.ownerCount, 2 * this.firstOfOwner.length));
    }
  }
}

/** Load of the pods bound since the last scrape. */
interface FreshLoad {
  readonly cpu: Float64Array;
  readonly memory: Float64Array;
  readonly variance: Float64Array;
  readonly slots: number[];
}

function createFreshLoad(nodes: number): FreshLoad {
  return {
    cpu: new Float64Array(nodes),
    memory: new Float64Array(nodes),
    variance: new Float64Array(nodes),
    slots: [],
  };
}

function clearFreshLoad(fresh: FreshLoad): void {
  if (fresh.slots.length === 0) return;
  fresh.cpu.fill(0);
  fresh.memory.fill(0);
  fresh.variance.fill(0);
  fresh.slots.length = 0;
}

function addFresh(fresh: FreshLoad, view: ClusterView, slot: number, estimate: PodEstimate): void {
  const node = view.pods.node[slot] as number;
  fresh.cpu[node] = (fresh.cpu[node] as number) + estimate.cpuMillicores;
  fresh.memory[node] = (fresh.memory[node] as number) + estimate.memoryBytes;
  fresh.variance[node] = (fresh.variance[node] as number) + estimate.cpuSdMillicores ** 2;
  fresh.slots.push(slot);
}

function specOf(
  { pods }: ClusterView,
  slot: number,
): Pick<PodSpec, 'ownerId' | 'cpuRequestMillicores' | 'memoryRequestBytes'> {
  return {
    ownerId: pods.ownerId[slot] as number,
    cpuRequestMillicores: pods.cpuRequestMillicores[slot] as number,
    memoryRequestBytes: pods.memoryRequestBytes[slot] as number,
  };
}

/** Mean share of a span that a pod with exponential remaining life is alive. */
export function livedShare(spanSeconds: number, remainingSeconds: number): number {
  if (!Number.isFinite(remainingSeconds)) return 1;
  const ratio = spanSeconds / Math.max(remainingSeconds, 1);
  return ratio < 1e-6 ? 1 : (1 - Math.exp(-ratio)) / ratio;
}

/** Linear in the logarithm of the span, constant beyond both ends. */
function interpolateSpans(values: Float64Array, row: number, seconds: number): number {
  const last = SPANS - 1;
  if (seconds <= (OUTLOOK_SPANS_SECONDS[0] as number)) return values[row] as number;
  if (seconds >= (OUTLOOK_SPANS_SECONDS[last] as number)) return values[row + last] as number;
  const upper = OUTLOOK_SPANS_SECONDS.findIndex((span) => span > seconds);
  const low = OUTLOOK_SPANS_SECONDS[upper - 1] as number;
  const high = OUTLOOK_SPANS_SECONDS[upper] as number;
  const position = Math.log(seconds / low) / Math.log(high / low);
  const base = values[row + upper - 1] as number;
  return base + ((values[row + upper] as number) - base) * position;
}
