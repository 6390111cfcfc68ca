import type { ClusterView, PodSpec } from '#domain';
import { clamp } from '#kernel/units';

import { OVERLOAD_RATIO, expectedExcess, shareAbove } from './load-cost.ts';
import type { Outlook } from './outlook.ts';
import { forecastIndex, horizonForSpan } from './signals.ts';
import type { NodeSignals } from './signals.ts';

/**
 * Version of the meaning and order of the features. Raise it with any change: a model refuses another one.
 */
export const PLACEMENT_SCHEMA_VERSION = '1';

/** Columns that differ between candidates, in their order. Ratios are of the node's capacity. */
export const CANDIDATE_FEATURES = [
  'expectedAfter', // expected CPU over the pod's life, the pod included
  'expectedAfterToMean', // the same less the mean of the candidates
  'expectedRank', // its rank among the candidates, 0 = emptiest
  'headroomTo80', // 0.8 less expectedAfter, cut to [-0.4, 0.4]
  'excessOver80',
  'excessOver100',
  'shareOver80After', // share of time above 80 %, with the pod
  'shareOver80Added', // of which the pod causes
  'excessAdded', // expected lost CPU that the pod causes
  'expectedSoonAfter', // over the next 15 minutes
  'expectedLaterAfter', // over the next 4 hours
  'nowAfter', // measured plus in flight plus the pod
  'nowToMean',
  'inFlight',
  'mean15m',
  'sd15m',
  'max1h',
  'max1d',
  'yesterdayRise', // yesterday's mean over the coming hour less yesterday's value at this time
  'forecastMedianAfter', // in-flight and the pod included
  'forecastHighAfter',
  'forecastRise', // forecast at one hour less the latest value
  'forecastIsKnown',
  'useSd', // standard deviation from the pods' own variation
  'podShare', // expected use of the pod on this node
  'podSdShare',
  'siblingShare', // share of the node's pods that belong to the same workload
  'cpuRequestedAfter', // of allocatable
  'memoryRequestedAfter',
  'memoryAfter', // expected memory, ratio of capacity
  'memoryRisk', // memoryAfter above 90 %
  'requestImbalance', // |CPU - memory| of the requested shares
  'podSlotsAfter',
  'sizeToMean', // capacity to the mean of the candidates
  'health',
] as const;

/** Columns that all candidates of one decision share; the value net sees these alone. */
export const CONTEXT_FEATURES = [
  'clusterMean', // expected CPU over candidates
  'clusterSd',
  'clusterMax',
  'clusterMin',
  'clusterShareOver80',
  'clusterMemory',
  'podLife', // log scale
  'podSize', // expected use to mean capacity of the candidates
  'podRequestToUse',
  'podIsKnown', // 0 = new workload .. 1 = many samples
  'candidateCount', // log scale
] as const;

const CANDIDATE_COUNT: number = CANDIDATE_FEATURES.length;
export const CONTEXT_COUNT: number = CONTEXT_FEATURES.length;
/** Columns of one row: candidate features, then context. */
export const ROW_COUNT: number = CANDIDATE_COUNT + CONTEXT_COUNT;

/** Reads decisions into rows of features; keeps scratch space, so make one a policy. */
export interface FeatureEncoder {
  /** Takes in a scrape (yesterday's curve and the like are renewed here). */
  refresh(view: ClusterView): void;
  /**
   * Encodes one decision.
   *
   * @param candidates - Node indices, the first `count` count.
   * @returns Rows, row-major, shape `[count, ROW_COUNT]`, finite; valid until the next call.
   */
  encode(input: EncodeInput): Float32Array;
}

interface EncodeInput {
  readonly view: ClusterView;
  readonly pod: PodSpec;
  readonly candidates: Int32Array;
  readonly count: number;
  readonly signals: NodeSignals;
}

/** @param outlook - Shared with its owner, who refreshes it before this encoder. */
export function createFeatureEncoder(outlook: Outlook): FeatureEncoder {
  const scratch = new EncoderScratch();
  return {
    refresh: (view) => scratch.refresh(view),
    encode(input) {
      scratch.reserve(input.count, input.view.nodeCount);
      const pod = describePod(outlook, input);
      measureCluster(outlook, input, pod, scratch);
      for (let i = 0; i < input.count; i++) encodeCandidate({ outlook, input, pod, scratch }, i);
      return scratch.rows;
    },
  };
}

interface PodFacts {
  readonly cpuMillicores: number;
  readonly cpuSdMillicores: number;
  readonly memoryBytes: number;
  /** Span that the decision is judged on: the expected life, 10 minutes to 4 hours. */
  readonly spanSeconds: number;
  readonly samples: number;
  readonly horizon: number;
}

function describePod(outlook: Outlook, { pod }: EncodeInput): PodFacts {
  const estimate = outlook.profile.estimate(pod);
  const spanSeconds = clamp(estimate.lifeSeconds, 600, 14_400);
  return { ...estimate, spanSeconds, horizon: horizonForSpan(spanSeconds) };
}

/** Background of a node's own swings that the pods' variation does not explain. */
const FLOOR_SD_RATIO = 0.03;

class EncoderScratch {
  rows = new Float32Array(0);
  expected = new Float64Array(0);
  ranks = new Float64Array(0);
  siblings = new Float64Array(0);
  yesterdayRise = new Float64Array(0);
  readonly cluster = { mean: 0, sd: 0, max: 0, min: 0, over80: 0, memory: 0, now: 0, capacity: 0 };
  private order = new Int32Array(0);

  reserve(count: number, nodeCount: number): void {
    if (this.rows.length < count * ROW_COUNT) {
      this.rows = new Float32Array(count * ROW_COUNT);
      this.expected = new Float64Array(count);
      this.ranks = new Float64Array(count);
      this.order = new Int32Array(count);
    }
    if (this.siblings.length < nodeCount) this.siblings = new Float64Array(nodeCount);
    if (this.yesterdayRise.length < nodeCount) this.yesterdayRise = new Float64Array(nodeCount);
  }

  /** Ranks of the first `count` expected loads, 0..1. */
  rank(count: number): void {
    const order = this.order.subarray(0, count);
    for (let i = 0; i < count; i++) order[i] = i;
    order.sort((a, b) => (this.expected[a] as number) - (this.expected[b] as number));
    for (let r = 0; r < count; r++) this.ranks[order[r] as number] = count > 1 ? r / (count - 1) : 0;
  }

  refresh(view: ClusterView): void {
    this.reserve(0, view.nodeCount);
    const ring = view.history;
    const day = Math.round(86_400 / ring.stepSeconds);
    const hour = Math.round(3600 / ring.stepSeconds);
    for (let node = 0; node < view.nodeCount; node++) {
      this.yesterdayRise[node] = ring.count > day ? riseAfter(ring, node, day, hour) : 0;
    }
  }
}

type Ring = ClusterView['history'];

/** Mean over the `length` windows after the one `back` windows ago, less that one; 0 where unknown. */
function riseAfter(ring: Ring, node: number, back: number, length: number): number {
  const at = (windowsAgo: number): number =>
    ring.cpuUsageRatio[
      node * ring.capacity + ((ring.head - windowsAgo + 2 * ring.capacity) % ring.capacity)
    ] as number;
  let sum = 0;
  for (let k = 1; k <= length; k++) sum += at(back - k);
  const rise = sum / length - at(back);
  return Number.isNaN(rise) ? 0 : rise;
}

function measureCluster(outlook: Outlook, input: EncodeInput, pod: PodFacts, scratch: EncoderScratch): void {
  const { view, candidates, count } = input;
  const { cluster, expected } = scratch;
  const sum = { load: 0, squares: 0, over80: 0, memory: 0, now: 0, capacity: 0 };
  cluster.max = 0;
  cluster.min = 1;
  for (let i = 0; i < count; i++) {
    const node = candidates[i] as number;
    const load = finite(outlook.cpuRatio(node, pod.spanSeconds), 0.5);
    expected[i] = load;
    sum.load += load;
    sum.squares += load * load;
    sum.over80 += shareAbove(load, deviationOf(outlook, view, node), OVERLOAD_RATIO);
    sum.memory += finite(outlook.memoryRatio(node), 0.5);
    sum.now += finite(outlook.cpuNowRatio(node), load);
    sum.capacity += view.nodes.cpuCapacityMillicores[node] as number;
    cluster.max = Math.max(cluster.max, load);
    cluster.min = Math.min(cluster.min, load);
  }
  const n = Math.max(count, 1);
  cluster.mean = sum.load / n;
  cluster.sd = Math.sqrt(Math.max(0, sum.squares / n - cluster.mean ** 2));
  cluster.over80 = sum.over80 / n;
  cluster.memory = sum.memory / n;
  cluster.now = sum.now / n;
  cluster.capacity = sum.capacity / n;
  scratch.rank(count);
  outlook.countSiblings(input.pod.ownerId, scratch.siblings);
}

function deviationOf(outlook: Outlook, view: ClusterView, node: number): number {
  const swing = finite(view.metrics.cpu.sd15mRatio[node] as number, FLOOR_SD_RATIO);
  return Math.sqrt(finite(outlook.cpuSdRatio(node), 0) ** 2 + swing ** 2 + FLOOR_SD_RATIO ** 2);
}

function finite(value: number, otherwise: number): number {
  return Number.isFinite(value) ? value : otherwise;
}

interface CandidateInput {
  readonly outlook: Outlook;
  readonly input: EncodeInput;
  readonly pod: PodFacts;
  readonly scratch: EncoderScratch;
}

function encodeCandidate(from: CandidateInput, i: number): void {
  const { input, scratch } = from;
  const node = input.candidates[i] as number;
  const writer = new RowWriter(scratch.rows, i * ROW_COUNT);
  const capacity = input.view.nodes.cpuCapacityMillicores[node] as number;
  const podShare = from.pod.cpuMillicores / capacity;
  writeExpectedLoad(writer, from, i, podShare);
  writeMeasuredLoad(writer, from, node, podShare);
  writeForecast(writer, from, node, podShare);
  writeFit(writer, from, node, podShare);
  writeContext(writer, from);
}

/** Appends columns to a row; keeps them in a range that a network can take. */
class RowWriter {
  private readonly rows: Float32Array;
  private at: number;

  constructor(rows: Float32Array, at: number) {
    this.rows = rows;
    this.at = at;
  }

  add(value: number, otherwise = 0): void {
    this.rows[this.at++] = clamp(finite(value, finite(otherwise, 0)), -4, 4);
  }
}

function writeExpectedLoad(writer: RowWriter, from: CandidateInput, i: number, podShare: number): void {
  const { outlook, input, pod, scratch } = from;
  const node = input.candidates[i] as number;
  const before = scratch.expected[i] as number;
  const after = before + podShare;
  const podSd = pod.cpuSdMillicores / (input.view.nodes.cpuCapacityMillicores[node] as number);
  const sd = deviationOf(outlook, input.view, node);
  const sdAfter = Math.hypot(sd, podSd);
  const overAfter = shareAbove(after, sdAfter, OVERLOAD_RATIO);
  writer.add(after);
  writer.add(before - scratch.cluster.mean);
  writer.add(scratch.ranks[i] as number);
  writer.add(clamp(OVERLOAD_RATIO - after, -0.4, 0.4));
  writer.add(Math.max(0, after - OVERLOAD_RATIO));
  writer.add(Math.max(0, after - 1));
  writer.add(overAfter);
  writer.add(overAfter - shareAbove(before, sd, OVERLOAD_RATIO));
  writer.add(expectedExcess(after, sdAfter, 1) - expectedExcess(before, sd, 1));
  writer.add(outlook.cpuRatio(node, 900) + podShare);
  writer.add(outlook.cpuRatio(node, 14_400) + podShare);
}

function writeMeasuredLoad(writer: RowWriter, from: CandidateInput, node: number, podShare: number): void {
  const { outlook, scratch } = from;
  const { cpu } = from.input.view.metrics;
  const now = outlook.cpuNowRatio(node);
  writer.add(now + podShare, scratch.cluster.now + podShare);
  writer.add(now - scratch.cluster.now);
  writer.add(outlook.cpuInFlightRatio(node));
  writer.add(cpu.mean15mRatio[node] as number, scratch.cluster.now);
  writer.add(cpu.sd15mRatio[node] as number, FLOOR_SD_RATIO);
  writer.add(cpu.max1hRatio[node] as number, scratch.cluster.now);
  writer.add(cpu.max1dRatio[node] as number, scratch.cluster.now);
  writer.add(scratch.yesterdayRise[node] as number);
}

function writeForecast(writer: RowWriter, from: CandidateInput, node: number, podShare: number): void {
  const { outlook, input, pod, scratch } = from;
  const forecast = input.signals.cpuForecastRatio;
  const median = forecast[forecastIndex(node, pod.horizon, 1)] as number;
  const isKnown = Number.isFinite(median);
  const added = finite(outlook.cpuInFlightRatio(node), 0) + podShare;
  const fallback = finite(outlook.cpuNowRatio(node), scratch.cluster.now) + podShare;
  const latest = input.view.metrics.cpu.latestRatio[node] as number;
  writer.add(median + added, fallback);
  writer.add((forecast[forecastIndex(node, pod.horizon, 2)] as number) + added, fallback + 0.1);
  writer.add((forecast[forecastIndex(node, 3, 1)] as number) - latest);
  writer.add(isKnown ? 1 : 0);
}

function writeFit(writer: RowWriter, from: CandidateInput, node: number, podShare: number): void {
  const { outlook, pod, scratch } = from;
  const { view, signals, pod: spec } = from.input;
  const { nodes } = view;
  const capacity = nodes.cpuCapacityMillicores[node] as number;
  const cpuRequested =
    ((nodes.cpuRequestedMillicores[node] as number) + spec.cpuRequestMillicores) /
    (nodes.cpuAllocatableMillicores[node] as number);
  const memoryRequested =
    ((nodes.memoryRequestedBytes[node] as number) + spec.memoryRequestBytes) /
    (nodes.memoryAllocatableBytes[node] as number);
  const memory = outlook.memoryRatio(node) + pod.memoryBytes / (nodes.memoryCapacityBytes[node] as number);
  writer.add(outlook.cpuSdRatio(node));
  writer.add(podShare);
  writer.add(pod.cpuSdMillicores / capacity);
  writer.add((scratch.siblings[node] as number) / Math.max(1, nodes.podCount[node] as number));
  writer.add(cpuRequested);
  writer.add(memoryRequested);
  writer.add(memory, scratch.cluster.memory);
  writer.add(Math.max(0, memory - 0.9));
  writer.add(Math.abs(cpuRequested - memoryRequested));
  writer.add(((nodes.podCount[node] as number) + 1) / (nodes.podsAllocatable[node] as number));
  writer.add(Math.log2(capacity / scratch.cluster.capacity));
  writer.add(signals.health[node] as number, 1);
}

function writeContext(writer: RowWriter, { input, pod, scratch }: CandidateInput): void {
  const { cluster } = scratch;
  writer.add(cluster.mean);
  writer.add(cluster.sd);
  writer.add(cluster.max);
  writer.add(cluster.min);
  writer.add(cluster.over80);
  writer.add(cluster.memory);
  writer.add(Math.log(pod.spanSeconds / 3600) / 2);
  writer.add((4 * pod.cpuMillicores) / cluster.capacity);
  writer.add(Math.min(2, pod.cpuMillicores / Math.max(1, input.pod.cpuRequestMillicores)));
  writer.add(pod.samples / (pod.samples + 50));
  writer.add(Math.log10(input.count + 1) / 2);
}
