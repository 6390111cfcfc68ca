import type { ServerOptions as HttpsOptions } from 'node:https';

import type { Registry } from 'prom-client';

import type { Clock } from '#kernel/clock';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { createHttpServer, listen } from '#platform/http-server';
import type { HttpServer } from '#platform/http-server';

import { createLiveCluster } from './cluster/live-cluster.ts';
import type { BoundPod, LiveCluster, PodRequest } from './cluster/types.ts';
import type { ServiceConfig } from './config.ts';
import type { Brain } from './decision/brain.ts';
import { createDecisionCore } from './decision/core.ts';
import { rejectNodes } from './decision/filter.ts';
import { createDecisionMetrics, createServiceGauges } from './decision/metrics.ts';
import { createDecisionTracker } from './decision/tracker.ts';
import type { DecisionTracker } from './decision/tracker.ts';
import { addExtenderRoutes } from './http/extender-routes.ts';
import type { FrontContext } from './http/front.ts';
import { addPluginRoutes } from './http/plugin-routes.ts';
import { addReadRoutes } from './http/read-routes.ts';
import { createTlsReloader, loadTls, requireClientName } from './http/tls.ts';
import type { TlsReloader } from './http/tls.ts';
import { createJournal } from './journal/journal.ts';
import type { Journal } from './journal/journal.ts';
import { createPushedLoad } from './load/push-source.ts';
import type { PushedLoad } from './load/push-source.ts';
import type { LoadSource } from './load/types.ts';
import { armOf } from './rollout/arm.ts';
import { createRolloutController } from './rollout/controller.ts';
import type { RolloutController } from './rollout/controller.ts';
import { createRolloutGuard } from './rollout/guard.ts';
import type { RolloutGuard } from './rollout/guard.ts';
import type { RolloutStore } from './rollout/store.ts';
import { createTicker } from './ticker.ts';
import type { Ticker } from './ticker.ts';

export interface SchedulerServiceOptions {
  readonly config: ServiceConfig;
  readonly journalDirectory: string;
  readonly rolloutStore: RolloutStore;
  /** Measures load; undefined where load is pushed, or there is none. */
  readonly loadSource: LoadSource | undefined;
  /** Why the picture of the cluster is not complete yet. */
  readonly clusterProblem: () => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  readonly version: string;
}

/** The decision service of one replica. */
export interface SchedulerService {
  readonly cluster: LiveCluster;
  readonly app: HttpServer;
  /** Puts models to work; those before are closed. */
  useBrain(brain: Brain): Promise<void>;
  /** Takes one round of load, forecasts and health now, and says whether it could. */
  tick(): Promise<void>;
  /** Listens, and keeps time until `close`. @returns The ports. */
  start(): Promise<{ readonly port: number; readonly probesPort: number | undefined }>;
  /** Finishes requests under way, and writes the journal to its end. */
  close(): Promise<void>;
}

/** Margin of a caller's budget that stays for the way back. */
const RETURN_RATIO = 0.8;
/** Far longer than any decision takes. */
const RETIRE_AFTER_MS = 5000;

export async function createSchedulerService(options: SchedulerServiceOptions): Promise<SchedulerService> {
  const { config } = options;
  const tls = config.tls === undefined ? undefined : await loadTls(config.tls);
  const service = new Service(options, tls);
  await service.prepare();
  return service;
}

class Service implements SchedulerService {
  private readonly options: SchedulerServiceOptions;
  private brain: Brain | undefined;
  readonly cluster: LiveCluster;
  readonly app: HttpServer;
  private readonly probes: HttpServer | undefined;
  private readonly journal: Journal;
  private readonly tracker: DecisionTracker;
  private readonly guard: RolloutGuard;
  private readonly rollout: RolloutController;
  private readonly ticker: Ticker;
  private readonly pushed: PushedLoad | undefined;
  private tlsReloader: TlsReloader | undefined;
  private closing: Promise<void> | undefined;

  constructor(options: SchedulerServiceOptions, tls: HttpsOptions | undefined) {
    const { config, clock, log, registry } = options;
    const { replica, load } = config;
    this.options = options;
    this.cluster = createLiveCluster({
      clock,
      tickSeconds: load.tickSeconds,
      staleSeconds: load.staleSeconds,
      reserveTtlSeconds: config.cluster.reserveTtlSeconds,
    });
    this.pushed = load.source === 'push' ? createPushedLoad(clock) : undefined;
    const { keepDays } = config.journal;
    this.journal = createJournal({ directory: options.journalDirectory, keepDays, replica, clock, log });
    this.tracker = createDecisionTracker({ replica, cluster: this.cluster });
    this.guard = createRolloutGuard(config.rollout.guard);
    this.rollout = createRolloutController({ store: options.rolloutStore, guard: this.guard, clock, log });
    this.ticker = this.createTicker();
    this.cluster.onBound((pod) => this.takeBound(pod));
    const unreadyReason = (): string | undefined => this.unreadyReason();
    const base = { log, registry, unreadyReason };
    this.app = createHttpServer({ ...base, ...(tls === undefined ? {} : { tls }) });
    this.probes = config.probes === undefined ? undefined : createHttpServer(base);
  }

  async prepare(): Promise<void> {
    const { config, log, version } = this.options;
    const { app } = this;
    if (config.tls !== undefined) {
      requireClientName(app, config.tls.allowedClientNames);
      this.tlsReloader = await createTlsReloader(app, config.tls, log);
    }
    const front = this.createFront();
    addPluginRoutes(app, front);
    addExtenderRoutes(app, front);
    addReadRoutes(app, { recent: this.journal.recent, rollout: this.rollout, pushed: this.pushed, version });
    await this.rollout.refresh();
  }

  private unreadyReason(): string | undefined {
    const noModel = this.brain === undefined ? 'no model is loaded' : undefined;
    return this.options.clusterProblem() ?? noModel ?? this.ticker.unreadyReason();
  }

  private createTicker(): Ticker {
    const { config, clock, log, registry, loadSource, clusterProblem } = this.options;
    return createTicker({
      cluster: this.cluster,
      brain: () => this.brain,
      source: loadSource ?? this.pushed,
      isComplete: () => clusterProblem() === undefined,
      tickSeconds: config.load.tickSeconds,
      clock,
      log,
      gauges: createServiceGauges(registry),
      afterTick: () => this.afterTick(),
      everySecond: () => this.rollout.refresh(),
      facts: () => ({
        tracked: this.tracker.size,
        rolloutPercent: this.rollout.state.percent,
        ...this.journal.facts(),
      }),
    });
  }

  private async afterTick(): Promise<void> {
    for (const outcome of this.tracker.judge(this.options.clock.nowMs())) {
      this.journal.append(outcome);
      this.guard.judged(outcome);
    }
    await this.rollout.protect();
    await this.tlsReloader?.check();
  }

  private takeBound(pod: BoundPod): void {
    this.guard.bound(pod.uid);
    const record = this.tracker.bound(pod, this.options.clock.nowMs());
    if (record !== undefined) this.journal.append(record);
  }

  private createFront(): FrontContext {
    const { config, clock, log, registry } = this.options;
    const core = createDecisionCore({
      cluster: this.cluster,
      brain: () => this.brain,
      rollout: () => this.rollout.state,
      unreadyReason: () => this.unreadyReason(),
      record: (record, scores) => {
        this.journal.append(record);
        this.tracker.add(record, scores);
        this.guard.decided(record);
      },
      metrics: createDecisionMetrics(registry),
      clock,
      log,
      replica: config.replica,
      ...config.decision,
    });
    return {
      core,
      cluster: this.cluster,
      budgetMs: (asked) => Math.min(config.decision.budgetMs, (asked ?? Infinity) * RETURN_RATIO),
      filter: (pod) => this.filter(pod),
    };
  }

  private filter(pod: PodRequest): ReturnType<FrontContext['filter']> {
    const { cluster, brain } = this;
    if (brain === undefined || this.unreadyReason() !== undefined)
      return { rejected: [], reason: 'not-ready' };
    try {
      const known = cluster.describePod(pod);
      const { arm } = armOf(this.rollout.state, known.owner, pod.name);
      if (arm !== 'treated') return { rejected: [], reason: arm };
      return { rejected: rejectNodes({ cluster, brain, known }, this.options.config.filter), reason: '' };
    } catch (error) {
      this.options.log.error('the filter failed; no node is left out', { cause: messageOf(error) });
      return { rejected: [], reason: 'internal-error' };
    }
  }

  async useBrain(next: Brain): Promise<void> {
    const before = this.brain;
    // The first look at the cluster comes before the first question.
    await next.tick(this.cluster.view);
    this.brain = next;
    // A decision that began with the old ones may still be under way.
    const retire = (): void => void before?.close().catch(() => undefined);
    if (before !== undefined) setTimeout(retire, RETIRE_AFTER_MS).unref();
  }

  tick(): Promise<void> {
    return this.ticker.tick();
  }

  async start(): Promise<{ port: number; probesPort: number | undefined }> {
    const { listen: address, probes: probesAddress } = this.options.config;
    const port = await listen(this.app, address.host, address.port);
    const hasProbes = this.probes !== undefined && probesAddress !== undefined;
    const probesPort = hasProbes
      ? await listen(this.probes, probesAddress.host, probesAddress.port)
      : undefined;
    this.ticker.start();
    return { port, probesPort };
  }

  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  private async closeAll(): Promise<void> {
    this.ticker.stop();
    await this.app.close();
    await this.probes?.close();
    await this.journal.close();
    await this.brain?.close();
  }
}
