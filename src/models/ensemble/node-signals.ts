import { HORIZON_MINUTES, LOAD_TARGETS } from '#domain';
import type { ClusterView, LoadRing, ModelArtefact, NodeForecast } from '#domain';
import { createNodeHistory, pushValues } from '#features';
import type { NodeHistory } from '#features';
import { createHealthMonitor, loadAnomalyModel } from '#models/anomaly';
import type { AnomalyModel, HealthMonitor } from '#models/anomaly';
import { loadForecaster } from '#models/forecast';
import type { LoadForecaster } from '#models/forecast';
import { forecastIndex, unknownSignals } from '#models/placement';
import type { NodeSignals } from '#models/placement';
import { clamp, MINUTE_MS, SECOND_MS } from '#kernel/units';

/** What of a cluster the forecast and health models look at. */
export type SignalView = Pick<ClusterView, 'nowMs' | 'nodeCount' | 'nodeNames' | 'metrics' | 'history'>;

/** What the forecast and health models say, renewed once a tick. */
export interface SignalSource {
  /** Renews the signals from the view; the result is owned by the source and valid until the next call. */
  refresh(view: SignalView): NodeSignals;
}

/** Forecasts look 5 minutes ahead at least: renewing them more often changes little and costs as much. */
const FORECAST_INTERVAL_MS = 5 * MINUTE_MS;
/** Metrics older than this say nothing of now. */
const STALE_MS = 3 * MINUTE_MS;

/** Signals of a cluster for which there are no other models: everything is unknown. */
function createUnknownSignals(): SignalSource {
  let signals = unknownSignals(0);
  return {
    refresh(view) {
      if (signals.health.length !== view.nodeCount) signals = unknownSignals(view.nodeCount);
      return signals;
    },
  };
}

/**
 * Makes the source from the models there are; a missing model leaves its signals unknown.
 *
 * @throws MlschedError for an artefact that cannot be read.
 */
export function createSignalSource(artefacts: ReadonlyMap<string, ModelArtefact>): SignalSource {
  const forecast = artefacts.get('load-forecast');
  const health = artefacts.get('node-anomaly');
  if (forecast === undefined && health === undefined) return createUnknownSignals();
  return new ModelSignals(
    forecast === undefined ? undefined : loadForecaster(forecast),
    health === undefined ? undefined : loadAnomalyModel(health),
  );
}

/** Health slots beyond the nodes there are, so that a node that joins does not cost the others their past. */
const SPARE_SLOTS = 8;

class ModelSignals implements SignalSource {
  private readonly forecaster: LoadForecaster | undefined;
  private readonly anomalyModel: AnomalyModel | undefined;
  private signals: NodeSignals = unknownSignals(0);
  private names: readonly string[] = [];
  private histories: NodeHistory[] = [];
  private monitor: HealthMonitor | undefined;
  /** Slot of each node in the monitor: it stays while other nodes come and go. */
  private slotOf = new Map<string, number>();
  private samples = new Float32Array(0);
  private forecastAtMs = Number.NEGATIVE_INFINITY;
  private healthAtMs = Number.NEGATIVE_INFINITY;

  constructor(forecaster: LoadForecaster | undefined, anomalyModel: AnomalyModel | undefined) {
    this.forecaster = forecaster;
    this.anomalyModel = anomalyModel;
  }

  refresh(view: SignalView): NodeSignals {
    if (view.nodeNames !== this.names) this.takeNodes(view);
    this.takeSamples(view);
    if (this.forecaster !== undefined && view.nowMs - this.forecastAtMs >= FORECAST_INTERVAL_MS) {
      this.forecastAtMs = view.nowMs;
      this.writeForecasts(this.forecaster.forecast(this.histories, view.nowMs), view);
    }
    this.judgeHealth(view);
    return this.signals;
  }

  /** Other nodes than before: those that stay keep their past, a new one begins with what the view remembers. */
  private takeNodes(view: SignalView): void {
    const known = new Map(this.histories.map((history) => [history.machine, history]));
    const isJoined = view.nodeNames.some((name) => !known.has(name));
    const old = new Map(this.names.map((name, node) => [name, node]));
    const signals = unknownSignals(view.nodeCount);
    view.nodeNames.forEach((name, node) => copySignals(this.signals, old.get(name), signals, node));
    this.signals = signals;
    this.histories = view.nodeNames.map(
      (name, node) => known.get(name) ?? rememberedHistory(name, view.history, node),
    );
    this.names = view.nodeNames;
    this.takeSlots(view.nodeNames);
    if (isJoined) this.forecastAtMs = Number.NEGATIVE_INFINITY;
  }

  private takeSlots(names: readonly string[]): void {
    if (this.anomalyModel === undefined) return;
    const present = new Set(names);
    const free: number[] = [];
    for (const [name, slot] of this.slotOf) {
      if (present.has(name)) continue;
      this.slotOf.delete(name);
      this.monitor?.reset(slot);
    }
    const used = new Set(this.slotOf.values());
    const capacity = this.monitor?.nodeCount ?? 0;
    for (let slot = 0; slot < capacity; slot++) if (!used.has(slot)) free.push(slot);
    const joining = names.filter((name) => !this.slotOf.has(name));
    if (joining.length > free.length) this.openMonitor(names);
    else joining.forEach((name, i) => this.slotOf.set(name, free[i] as number));
  }

  /** No slot is left: all begin again, with room to grow. */
  private openMonitor(names: readonly string[]): void {
    const nodeCount = names.length + Math.max(SPARE_SLOTS, names.length >> 3);
    this.slotOf = new Map(names.map((name, slot) => [name, slot]));
    this.monitor = createHealthMonitor(this.anomalyModel as AnomalyModel, {
      nodeCount,
      metricNames: LOAD_TARGETS,
    });
    this.samples = new Float32Array(nodeCount * LOAD_TARGETS.length).fill(Number.NaN);
    this.healthAtMs = Number.NEGATIVE_INFINITY;
  }

  private takeSamples({ nowMs, metrics }: SignalView): void {
    this.samples.fill(Number.NaN);
    for (const [node, history] of this.histories.entries()) {
      const scrapedAtMs = metrics.scrapedAtMs[node] as number;
      const cpu = metrics.cpu.latestRatio[node] as number;
      const memory = metrics.memory.latestRatio[node] as number;
      if (scrapedAtMs > history.lastMs) pushValues(history, scrapedAtMs, cpu, memory);
      const slot = this.slotOf.get(history.machine);
      if (slot === undefined || nowMs - scrapedAtMs > STALE_MS) continue;
      this.samples[slot * LOAD_TARGETS.length] = cpu;
      this.samples[slot * LOAD_TARGETS.length + 1] = memory;
    }
  }

  private writeForecasts(forecasts: readonly NodeForecast[], view: SignalView): void {
    this.signals.cpuForecastRatio.fill(Number.NaN);
    this.signals.memoryForecastRatio.fill(Number.NaN);
    const nodeOf = new Map(this.histories.map(({ machine }, node) => [machine, node]));
    for (const forecast of forecasts) {
      const node = nodeOf.get(forecast.node);
      if (node === undefined) continue;
      const band = bandOf(forecast, view, node);
      if (band === undefined) continue;
      const table =
        forecast.target === 'cpu' ? this.signals.cpuForecastRatio : this.signals.memoryForecastRatio;
      table.set(band, forecastIndex(node, HORIZON_MINUTES.indexOf(forecast.horizonMinutes), 0));
    }
  }

  /** The health model counts in steps of its own: it is fed at the step it was trained for. */
  private judgeHealth(view: SignalView): void {
    const { monitor, anomalyModel } = this;
    if (monitor === undefined || anomalyModel === undefined) return;
    if (view.nowMs - this.healthAtMs < anomalyModel.stepSeconds * SECOND_MS) return;
    this.healthAtMs = view.nowMs;
    monitor.update(this.samples);
    for (const [node, name] of this.names.entries()) {
      this.signals.health[node] = monitor.healthRatios[this.slotOf.get(name) as number] as number;
    }
  }
}

/** Half the width of the band around a load that is all that is known of a node: one in ten changes is larger. */
const YOUNG_BAND_RATIO = 0.2;

/**
 * Low, middle and high of a forecast. For a node too young to be forecast, its load of now with a wide band: without it a
 * node that runs hot would look no worse than an idle one in its first hour.
 *
 * @returns Undefined when nothing is known.
 */
function bandOf(
  forecast: NodeForecast,
  { metrics, nowMs }: SignalView,
  node: number,
): readonly [number, number, number] | undefined {
  if (forecast.kind === 'forecast') return [forecast.low05Ratio, forecast.medianRatio, forecast.high95Ratio];
  const isFresh = nowMs - (metrics.scrapedAtMs[node] as number) <= STALE_MS;
  if (forecast.reason !== 'too-little-history' || !isFresh) return undefined;
  const load = metrics[forecast.target].latestRatio[node] as number;
  if (Number.isNaN(load)) return undefined;
  return [clamp(load - YOUNG_BAND_RATIO, 0, 1), load, clamp(load + YOUNG_BAND_RATIO, 0, 1)];
}

/** Brings what is known of a node to its new row. */
function copySignals(from: NodeSignals, old: number | undefined, to: NodeSignals, node: number): void {
  if (old === undefined) return;
  const [first, end] = [forecastIndex(old, 0, 0), forecastIndex(old + 1, 0, 0)];
  to.cpuForecastRatio.set(from.cpuForecastRatio.subarray(first, end), forecastIndex(node, 0, 0));
  to.memoryForecastRatio.set(from.memoryForecastRatio.subarray(first, end), forecastIndex(node, 0, 0));
  to.health[node] = from.health[old] as number;
}

/** A history that starts with the 5-minute means that the view has kept of a node. */
function rememberedHistory(name: string, ring: LoadRing, node: number): NodeHistory {
  const history = createNodeHistory(name);
  for (let back = ring.count - 1; back >= 0; back--) {
    const slot = node * ring.capacity + ((ring.head - back + ring.capacity) % ring.capacity);
    const timeMs = ring.endMs - back * ring.stepSeconds * SECOND_MS;
    pushValues(history, timeMs, ring.cpuUsageRatio[slot] as number, ring.memoryUsageRatio[slot] as number);
  }
  return history;
}
