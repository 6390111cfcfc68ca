import type { ClusterView, PodSpec } from '#domain';
import { OVERLOAD_RATIO, expectedExcess, forecastIndex, horizonForSpan, shareAbove } from '#models/placement';
import type { NodeSignals, Outlook } from '#models/placement';
import { clamp } from '#kernel/units';

import { relativeScores } from './relative-score.ts';

/** What the risk of a load is made of; in units of the placement objective. */
export interface ForecastRiskConfig {
  /** One point (0..1) of load above the average candidate. */
  readonly load: number;
  /** Share of time above 80 %. */
  readonly overload: number;
  /** Expected demand above capacity, ratio. */
  readonly lostCpu: number;
  /** Chance that memory passes 95 %. */
  readonly memory: number;
  /** Cost difference at which a score is near its end. */
  readonly scale: number;
}

export const DEFAULT_FORECAST_RISK: ForecastRiskConfig = {
  load: 10,
  overload: 2,
  lostCpu: 10,
  memory: 5,
  scale: 4,
};

export interface ForecastPartInput {
  readonly view: ClusterView;
  readonly pod: PodSpec;
  readonly outlook: Outlook;
  readonly signals: NodeSignals;
  readonly candidates: Int32Array;
  readonly count: number;
}

/** Distance between the 5 % and 95 % quantiles of a normal distribution, in standard deviations. */
const QUANTILE_SPREAD = 3.2897;
const MEMORY_LIMIT_RATIO = 0.95;

/**
 * Scores candidates by the load forecast of each node with the pod on it: forecast at the middle of the pod's
 * expected life, plus pods in flight, plus the pod's own learned use, each with its uncertainty.
 *
 * @param out - Filled with 0..1, higher is better, 0.5 = as risky as the average candidate; NaN where there
 *   is no forecast. More forecast load never raises a node's own score.
 * @returns Mean standard deviation of the forecasts used, ratio of capacity; NaN when there is none.
 */
export function scoreForecast(
  input: ForecastPartInput,
  config: ForecastRiskConfig,
  out: Float64Array,
): number {
  const estimate = input.outlook.profile.estimate(input.pod);
  const horizon = horizonForSpan(clamp(estimate.lifeSeconds, 600, 14_400));
  let deviations = 0;
  let known = 0;
  for (let i = 0; i < input.count; i++) {
    const node = input.candidates[i] as number;
    const risk = nodeRisk(input, config, { node, horizon, ...estimate });
    out[i] = risk.cost;
    if (Number.isNaN(risk.cost)) continue;
    deviations += risk.deviation;
    known++;
  }
  relativeScores(out, input.count, config.scale);
  return known === 0 ? Number.NaN : deviations / known;
}

interface RiskInput {
  readonly node: number;
  readonly horizon: number;
  readonly cpuMillicores: number;
  readonly cpuSdMillicores: number;
  readonly memoryBytes: number;
}

function nodeRisk(
  { view, outlook, signals }: ForecastPartInput,
  config: ForecastRiskConfig,
  { node, horizon, ...pod }: RiskInput,
): { cost: number; deviation: number } {
  const forecast = signals.cpuForecastRatio;
  const capacity = view.nodes.cpuCapacityMillicores[node] as number;
  // A node that has not told its size: an infinite load would drown the differences between the others.
  if (!(capacity > 0)) return { cost: Number.NaN, deviation: Number.NaN };
  const median = forecast[forecastIndex(node, horizon, 1)] as number;
  const spread =
    (forecast[forecastIndex(node, horizon, 2)] as number) -
    (forecast[forecastIndex(node, horizon, 0)] as number);
  const load = median + outlook.cpuInFlightRatio(node) + pod.cpuMillicores / capacity;
  const deviation = Math.hypot(Math.max(0, spread) / QUANTILE_SPREAD, pod.cpuSdMillicores / capacity);
  const cost =
    config.load * load +
    config.overload * shareAbove(load, deviation, OVERLOAD_RATIO) +
    config.lostCpu * expectedExcess(load, deviation, 1) +
    config.memory * memoryRisk(view, outlook, signals, { node, horizon, memoryBytes: pod.memoryBytes });
  return { cost, deviation };
}

interface MemoryInput {
  readonly node: number;
  readonly horizon: number;
  readonly memoryBytes: number;
}

/** Chance that memory runs short; by the forecast when there is one, else by what is there now. */
function memoryRisk(
  view: ClusterView,
  outlook: Outlook,
  signals: NodeSignals,
  { node, horizon, memoryBytes }: MemoryInput,
): number {
  const forecast = signals.memoryForecastRatio;
  const latest = view.metrics.memory.latestRatio[node] as number;
  const now = outlook.memoryRatio(node);
  const rise = (forecast[forecastIndex(node, horizon, 1)] as number) - latest;
  const spread =
    (forecast[forecastIndex(node, horizon, 2)] as number) -
    (forecast[forecastIndex(node, horizon, 0)] as number);
  const added = memoryBytes / (view.nodes.memoryCapacityBytes[node] as number);
  const load = now + added + (Number.isNaN(rise) ? 0 : rise);
  const deviation = Math.max(0.02, Number.isNaN(spread) ? 0 : spread / QUANTILE_SPREAD);
  return Number.isNaN(load) ? 0 : shareAbove(load, deviation, MEMORY_LIMIT_RATIO);
}
