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
import { MINUTE_MS, SECOND_MS } from '#kernel/units';

/** What the forecast and health models say, renewed once a tick. */
export interface SignalSource {
  /** Renews the signals from the view; the result is owned by the source and valid until the next call. */
  refresh(view: ClusterView): NodeSignals;
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

class ModelSignals implements SignalSource {
  private readonly forecaster: LoadForecaster | undefined;
  private readonly anomalyModel: AnomalyModel | undefined;
  private signals: NodeSignals = unknownSignals(0);
  private histories: NodeHistory[] = [];
  private monitor: HealthMonitor | undefined;
  private samples = new Float32Array(0);
  private forecastAtMs = Number.NEGATIVE_INFINITY;
  private healthAtMs = Number.NEGATIVE_INFINITY;

  constructor(forecaster: LoadForecaster | undefined, anomalyModel: AnomalyModel | undefined) {
    this.forecaster = forecaster;
    this.anomalyModel = anomalyModel;
  }

  refresh(view: ClusterView): NodeSignals {
    if (this.histories.length !== view.nodeCount) this.start(view);
    this.takeSamples(view);
    if (this.forecaster !== undefined && view.nowMs - this.forecastAtMs >= FORECAST_INTERVAL_MS) {
      this.forecastAtMs = view.nowMs;
      this.writeForecasts(this.forecaster.forecast(this.histories, view.nowMs));
    }
    this.judgeHealth(view);
    return this.signals;
  }

  /** Other nodes than before: begins again with what the view remembers of them. */
  private start(view: ClusterView): void {
    this.signals = unknownSignals(view.nodeCount);
    this.histories = view.nodeNames.map((name, node) => rememberedHistory(name, view.history, node));
    this.monitor =
      this.anomalyModel === undefined
        ? undefined
        : createHealthMonitor(this.anomalyModel, { nodeCount: view.nodeCount, metricNames: LOAD_TARGETS });
    this.samples = new Float32Array(view.nodeCount * LOAD_TARGETS.length);
    this.forecastAtMs = Number.NEGATIVE_INFINITY;
    this.healthAtMs = Number.NEGATIVE_INFINITY;
  }

  private takeSamples({ nowMs, metrics }: ClusterView): void {
    for (const [node, history] of this.histories.entries()) {
      const scrapedAtMs = metrics.scrapedAtMs[node] as number;
      const cpu = metrics.cpu.latestRatio[node] as number;
      const memory = metrics.memory.latestRatio[node] as number;
      if (scrapedAtMs > history.lastMs) pushValues(history, scrapedAtMs, cpu, memory);
      const isFresh = nowMs - scrapedAtMs <= STALE_MS;
      this.samples[node * LOAD_TARGETS.length] = isFresh ? cpu : Number.NaN;
      this.samples[node * LOAD_TARGETS.length + 1] = isFresh ? memory : Number.NaN;
    }
  }

  private writeForecasts(forecasts: readonly NodeForecast[]): void {
    this.signals.cpuForecastRatio.fill(Number.NaN);
    this.signals.memoryForecastRatio.fill(Number.NaN);
    const nodeOf = new Map(this.histories.map(({ machine }, node) => [machine, node]));
    for (const forecast of forecasts) {
      const node = nodeOf.get(forecast.node);
      if (forecast.kind !== 'forecast' || node === undefined) continue;
      const table =
        forecast.target === 'cpu' ? this.signals.cpuForecastRatio : this.signals.memoryForecastRatio;
      const horizon = HORIZON_MINUTES.indexOf(forecast.horizonMinutes);
      table[forecastIndex(node, horizon, 0)] = forecast.low05Ratio;
      table[forecastIndex(node, horizon, 1)] = forecast.medianRatio;
      table[forecastIndex(node, horizon, 2)] = forecast.high95Ratio;
    }
  }

  /** The health model counts in steps of its own: it is fed at the step it was trained for. */
  private judgeHealth(view: ClusterView): void {
    const { monitor, anomalyModel } = this;
    if (monitor === undefined || anomalyModel === undefined) return;
    if (view.nowMs - this.healthAtMs < anomalyModel.stepSeconds * SECOND_MS) return;
    this.healthAtMs = view.nowMs;
    monitor.update(this.samples);
    this.signals.health.set(monitor.healthRatios);
  }
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
