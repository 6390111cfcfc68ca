import { HORIZON_MINUTES } from '#domain';
import type { ClusterView, PodSpec } from '#domain';
import { forecastIndex, horizonForSpan } from '#models/placement';
import type { NodeSignals, Outlook } from '#models/placement';
import { clamp } from '#kernel/units';

/** What a decision knew of one node; ratios are of the node's capacity, NaN = unknown. */
export interface NodeEvidence {
  /** Measured CPU plus what pods in flight will add. */
  readonly cpuNowRatio: number;
  readonly cpuInFlightRatio: number;
  /** Expected mean CPU over the pod's life, before the pod. */
  readonly cpuExpectedRatio: number;
  readonly forecastHorizonMinutes: number;
  readonly cpuForecastMedianRatio: number;
  readonly cpuForecastHigh95Ratio: number;
  readonly memoryRatio: number;
  /** Of what is allocatable, before the pod. */
  readonly cpuRequestedRatio: number;
  readonly memoryRequestedRatio: number;
  readonly healthRatio: number;
  /** What the pod is expected to use here. */
  readonly podCpuRatio: number;
}

interface EvidenceSources {
  readonly view: ClusterView;
  readonly pod: PodSpec;
  readonly outlook: Outlook;
  readonly signals: NodeSignals;
}

/** Reads the numbers behind a node's score. */
export function readEvidence({ view, pod, outlook, signals }: EvidenceSources, node: number): NodeEvidence {
  const { nodes } = view;
  const estimate = outlook.profile.estimate(pod);
  const seconds = clamp(estimate.lifeSeconds, 600, 14_400);
  const horizon = horizonForSpan(seconds);
  const forecast = (level: 1 | 2): number =>
    signals.cpuForecastRatio[forecastIndex(node, horizon, level)] ?? Number.NaN;
  const share = (part: Float64Array, whole: Float64Array): number =>
    (part[node] as number) / (whole[node] as number);
  return {
    cpuNowRatio: outlook.cpuNowRatio(node),
    cpuInFlightRatio: outlook.cpuInFlightRatio(node),
    cpuExpectedRatio: outlook.cpuRatio(node, seconds),
    forecastHorizonMinutes: HORIZON_MINUTES[horizon] ?? Number.NaN,
    cpuForecastMedianRatio: forecast(1),
    cpuForecastHigh95Ratio: forecast(2),
    memoryRatio: outlook.memoryRatio(node),
    cpuRequestedRatio: share(nodes.cpuRequestedMillicores, nodes.cpuAllocatableMillicores),
    memoryRequestedRatio: share(nodes.memoryRequestedBytes, nodes.memoryAllocatableBytes),
    healthRatio: signals.health[node] ?? Number.NaN,
    podCpuRatio: estimate.cpuMillicores / (nodes.cpuCapacityMillicores[node] as number),
  };
}
