import type { Clock } from '#kernel/clock';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { SECOND_MS } from '#kernel/units';

import type { LiveCluster, LoadReport } from './cluster/types.ts';
import type { Brain } from './decision/brain.ts';
import type { ServiceGauges } from './decision/metrics.ts';
import type { LoadSource } from './load/types.ts';

export interface TickerOptions {
  readonly cluster: LiveCluster;
  readonly brain: () => Brain | undefined;
  readonly source: LoadSource | undefined;
  /** Whether all nodes and pods have been seen once. */
  readonly isComplete: () => boolean;
  readonly tickSeconds: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly gauges: ServiceGauges;
  readonly afterTick: () => Promise<void>;
  readonly everySecond: () => Promise<void>;
  readonly facts: () => TickerFacts;
}

interface TickerFacts {
  readonly tracked: number;
  readonly rolloutPercent: number;
  readonly journalQueued: number;
  readonly journalDropped: number;
}

/** Keeps time: a round of load, forecasts and health on a grid, and node changes in between. */
export interface Ticker {
  start(): void;
  stop(): void;
  tick(): Promise<void>;
  /** Why there is nothing to decide by yet. */
  unreadyReason(): string | undefined;
}

const NO_LOAD: LoadReport = { nodes: new Map(), pods: undefined };

export function createTicker(options: TickerOptions): Ticker {
  return new GridTicker(options);
}

class GridTicker implements Ticker {
  private readonly options: TickerOptions;
  private readonly tickMs: number;
  private second: NodeJS.Timeout | undefined;
  private lastStep = -1;
  private isBusy = false;
  private hasTicked = false;
  private wasReadable = true;

  constructor(options: TickerOptions) {
    this.options = options;
    this.tickMs = options.tickSeconds * SECOND_MS;
  }

  unreadyReason(): string | undefined {
    return this.hasTicked ? undefined : 'no load was taken in yet';
  }

  start(): void {
    this.second = setInterval(() => this.beat(), SECOND_MS);
    this.beat();
  }

  stop(): void {
    clearInterval(this.second);
  }

  private beat(): void {
    if (this.isBusy) return;
    this.isBusy = true;
    this.everySecond()
      .catch((error: unknown) => this.options.log.error('a round failed', { cause: messageOf(error) }))
      .finally(() => {
        this.isBusy = false;
      });
  }

  private async everySecond(): Promise<void> {
    await this.options.everySecond();
    if (!this.options.isComplete()) return;
    const step = Math.floor(this.options.clock.nowMs() / this.tickMs);
    if (step <= this.lastStep) return this.takeNodes();
    this.lastStep = step;
    await this.tick();
  }

  async tick(): Promise<void> {
    const { cluster, clock } = this.options;
    const began = performance.now();
    const report = await this.readLoad(Math.floor(clock.nowMs() / this.tickMs) * this.tickMs);
    this.takeNodes();
    cluster.recordLoad(report);
    const brain = this.options.brain();
    // Between the two the loop is free for decisions.
    await new Promise((resolve) => setImmediate(resolve));
    await brain?.tick(cluster.view);
    this.hasTicked = true;
    await this.options.afterTick();
    this.show(performance.now() - began, brain);
  }

  /** Rows change for the cluster and for the models at one moment: a decision in between would mix nodes up. */
  private takeNodes(): void {
    const { cluster, brain } = this.options;
    if (!cluster.needsRebuild) return;
    cluster.rebuild();
    brain()?.refreshNodes(cluster.view);
  }

  private async readLoad(atMs: number): Promise<LoadReport> {
    const { source, log } = this.options;
    try {
      const report = (await source?.read(atMs)) ?? NO_LOAD;
      this.wasReadable = true;
      return report;
    } catch (error) {
      if (this.wasReadable)
        log.warning('load cannot be measured; what is known grows old', { cause: messageOf(error) });
      this.wasReadable = false;
      return NO_LOAD;
    }
  }

  private show(tookMs: number, brain: Brain | undefined): void {
    const { cluster, gauges, facts } = this.options;
    const { nodes, freshNodes, boundPods, inFlightPods, pendingPods, oldestPendingSeconds } =
      cluster.health();
    const { tracked, rolloutPercent, journalQueued, journalDropped } = facts();
    gauges.set('nodes', nodes);
    gauges.set('fresh_nodes', freshNodes);
    gauges.set('bound_pods', boundPods);
    gauges.set('in_flight_pods', inFlightPods);
    gauges.set('pending_pods', pendingPods);
    gauges.set('oldest_pending_seconds', oldestPendingSeconds);
    gauges.set('tracked_decisions', tracked);
    gauges.set('rollout_percent', rolloutPercent);
    gauges.set('journal_queued_records', journalQueued);
    gauges.set('journal_dropped_records', journalDropped);
    gauges.set('signals_current', brain?.areSignalsCurrent === true ? 1 : 0);
    gauges.set('tick_seconds', tookMs / SECOND_MS);
  }
}
