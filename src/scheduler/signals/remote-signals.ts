import { Worker } from 'node:worker_threads';

import type { ClusterView, ModelArtefact } from '#domain';
import type { Clock } from '#kernel/clock';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { MINUTE_MS, SECOND_MS } from '#kernel/units';
import type { SignalSource, SignalView } from '#models/ensemble';
import { FORECAST_VALUES_PER_NODE, unknownSignals } from '#models/placement';
import type { NodeSignals } from '#models/placement';

import type { FromSignalWorker, SignalWorkerData, ToSignalWorker } from './messages.ts';

/** Forecasts and health of all nodes, made in another thread. */
export interface RemoteSignals extends SignalSource {
  /**
   * Asks for signals as of the view's last load, and waits for them.
   *
   * @returns Whether they came in time; if not, the last ones stay until they are too old.
   */
  update(view: ClusterView): Promise<boolean>;
  /** When the newest signals were made; NaN before the first. */
  readonly madeAtMs: number;
  close(): Promise<void>;
}

export interface RemoteSignalsOptions {
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long `update` waits; default 15 s. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 15 * SECOND_MS;
/** The shortest horizon is 5 minutes: signals twice as old say nothing any more. */
const SIGNALS_LIVE_MS = 10 * MINUTE_MS;
const RESTART_WAIT_MS = 5 * SECOND_MS;

export function createRemoteSignals(options: RemoteSignalsOptions): RemoteSignals {
  return new WorkerSignals(options);
}

class WorkerSignals implements RemoteSignals {
  private readonly options: RemoteSignalsOptions;
  private worker: Worker | undefined;
  private sentNames: readonly string[] | undefined;
  private signals: NodeSignals = unknownSignals(0);
  private names: readonly string[] = [];
  private tick = 0;
  private waiting: ((isInTime: boolean) => void) | undefined;
  private isClosed = false;
  private restart: NodeJS.Timeout | undefined;
  madeAtMs = Number.NaN;

  constructor(options: RemoteSignalsOptions) {
    this.options = options;
    this.start();
  }

  refresh(view: SignalView): NodeSignals {
    const isOld = !(this.options.clock.nowMs() - this.madeAtMs <= SIGNALS_LIVE_MS);
    if (isOld) return this.forget(view);
    if (view.nodeNames !== this.names) this.moveTo(view.nodeNames);
    return this.signals;
  }

  private forget(view: SignalView): NodeSignals {
    this.signals = unknownSignals(view.nodeCount);
    this.names = view.nodeNames;
    return this.signals;
  }

  /** Brings what is known to other rows; a node that is new is unknown. */
  private moveTo(names: readonly string[]): void {
    const old = new Map(this.names.map((name, row) => [name, row]));
    const moved = unknownSignals(names.length);
    const width = FORECAST_VALUES_PER_NODE;
    names.forEach((name, row) => {
      const from = old.get(name);
      if (from === undefined) return;
      for (const key of ['cpuForecastRatio', 'memoryForecastRatio'] as const) {
        moved[key].set(this.signals[key].subarray(from * width, (from + 1) * width), row * width);
      }
      moved.health[row] = this.signals.health[from] as number;
    });
    this.signals = moved;
    this.names = names;
  }

  async update(view: ClusterView): Promise<boolean> {
    const { worker } = this;
    if (worker === undefined || this.isClosed) return false;
    if (view.nodeNames !== this.sentNames) {
      this.sentNames = view.nodeNames;
      this.send({ kind: 'nodes', names: view.nodeNames, history: view.history });
    }
    const answered = new Promise<boolean>((resolve) => {
      this.waiting = resolve;
    });
    this.send({
      kind: 'tick',
      tick: ++this.tick,
      nowMs: view.nowMs,
      scrapedAtMs: view.metrics.scrapedAtMs,
      cpuRatio: view.metrics.cpu.latestRatio,
      memoryRatio: view.metrics.memory.latestRatio,
    });
    const timer = setTimeout(() => this.settle(false), this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const isInTime = await answered;
    clearTimeout(timer);
    return isInTime;
  }

  private send(message: ToSignalWorker): void {
    this.worker?.postMessage(message);
  }

  private settle(isInTime: boolean): void {
    this.waiting?.(isInTime);
    this.waiting = undefined;
  }

  private start(): void {
    const workerData: SignalWorkerData = { artefacts: this.options.artefacts };
    const worker = new Worker(new URL('signals.worker.ts', import.meta.url), {
      workerData,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // What lives long are typed arrays outside of the heap: a small young generation keeps the rest small.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    });
    this.worker = worker;
    this.sentNames = undefined;
    worker.on('message', (message: FromSignalWorker) => this.receive(message));
    worker.on('error', (error) =>
      this.options.log.error('the thread of the forecast and health models failed', {
        cause: messageOf(error),
      }),
    );
    worker.on('exit', () => this.afterExit());
    worker.unref();
  }

  private receive(message: FromSignalWorker): void {
    if (message.kind !== 'signals') return;
    this.signals = message;
    // Names that came back from the worker are copies: the same nodes should be the same list.
    this.names = message.tick === this.tick ? (this.sentNames ?? message.names) : message.names;
    this.madeAtMs = this.options.clock.nowMs();
    if (message.tick === this.tick) this.settle(true);
  }

  private afterExit(): void {
    this.worker = undefined;
    this.settle(false);
    if (this.isClosed) return;
    this.restart = setTimeout(() => this.start(), RESTART_WAIT_MS);
    this.restart.unref();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.restart);
    this.settle(false);
    await this.worker?.terminate();
  }
}
