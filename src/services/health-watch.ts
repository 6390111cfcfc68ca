import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#kernel/clock';
import { isMlschedError } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { DAY_MS, HOUR_MS, SECOND_MS } from '#kernel/units';
import { loadAnomalyModel } from '#models/anomaly';
import type { AnomalyModel } from '#models/anomaly';
import { addIncidentRoutes, openIncidentDesk } from '#operations';
import type { IncidentBook, IncidentDesk, IncidentDeskOptions } from '#operations';
import { createAlertSender, openAlertmanager } from '#platform/alertmanager';
import type { AlertmanagerOptions, AlertSender } from '#platform/alertmanager';
import { createHttpServer, listen } from '#platform/http-server';
import { FEED_METRICS, openHealthFeed } from './health-feed.ts';
import type { HealthFeed } from './health-feed.ts';
import { incidentBookIn } from './incidents.ts';
import { loadModel } from './models.ts';

export interface HealthWatchOptions {
  /** History that `mlsched collect live` writes. */
  readonly storeDirectory: string;
  readonly stateDirectory: string;
  /** Alias, version or folder of the health model. */
  readonly model: string;
  /** Without it incidents are only written down. */
  readonly alertmanager?: AlertmanagerOptions;
  readonly text: IncidentDeskOptions['text'];
  /** All nodes do the same work on the same hardware. */
  readonly areAlike: boolean;
  readonly host: string;
  readonly port: number;
  /** Distance of two looks at the store; default: the step of the model, 10 s at most. */
  readonly pollSeconds?: number;
  readonly log: Log;
}

/** A watch that is running. */
export interface HealthWatch {
  readonly port: number;
  close(): Promise<void>;
}

/** What a node did before the watch began, so that its own habits are no news: a little more than the memory. */
const PAST_MS = 2 * DAY_MS;
/** The past is read in pieces of so many rows. */
const PIECE_ROWS = 500_000;
const MOST_POLL_SECONDS = 10;
/** Without a new sample for this long the watch is not ready: nobody collects. */
const STALE_MS = 10 * 60 * SECOND_MS;

/** Starts judging the nodes of a store as its rows come in, until closed. */
export async function startHealthWatch(options: HealthWatchOptions): Promise<HealthWatch> {
  const { log, stateDirectory } = options;
  const artefact = await loadModel(stateDirectory, 'node-anomaly', options.model, {
    note: (line) => log.warning(line),
  });
  const registry = createMetricRegistry('health');
  const book = incidentBookIn(stateDirectory);
  const alertmanager = options.alertmanager && openAlertmanager(options.alertmanager);
  const watch = new Watch(
    { ...options, registry, book, ...(alertmanager && { sender: createAlertSender(alertmanager) }) },
    loadAnomalyModel(artefact),
  );
  const server = createHttpServer({ log, registry, unreadyReason: () => watch.unreadyReason });
  addIncidentRoutes(server, book, systemClock);
  const port = await listen(server, options.host, options.port);
  const stop = new AbortController();
  const ended = watch.run(stop.signal);
  return {
    port,
    async close() {
      stop.abort();
      await ended;
      await server.close();
      await alertmanager?.close();
    },
  };
}

interface WatchOptions extends HealthWatchOptions {
  readonly registry: IncidentDeskOptions['registry'];
  readonly book: IncidentBook;
  readonly sender?: AlertSender;
}

class Watch {
  readonly #options: WatchOptions;
  readonly #model: AnomalyModel;
  readonly #feed: HealthFeed;
  #nodes: readonly string[] = [];
  #desk: IncidentDesk | undefined;
  /** End of the last window that was judged. */
  #judgedMs = -Infinity;
  #trouble: string | undefined = 'starting';

  constructor(options: WatchOptions, model: AnomalyModel) {
    this.#options = options;
    this.#model = model;
    this.#feed = openHealthFeed(options.storeDirectory, model.stepSeconds);
  }

  get unreadyReason(): string | undefined {
    const isStale = systemClock.nowMs() - this.#judgedMs > STALE_MS;
    return this.#trouble ?? (isStale ? 'the store has no new samples: is the collector running?' : undefined);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pollSeconds, log } = this.#options;
    const pollMs = (pollSeconds ?? Math.min(this.#model.stepSeconds, MOST_POLL_SECONDS)) * SECOND_MS;
    while (!signal.aborted) {
      try {
        await this.#round();
        this.#trouble = undefined;
      } catch (error) {
        // The store may be on its way, the disk full: nothing that a restart would cure.
        if (!isMlschedError(error)) throw error;
        if (this.#trouble !== error.message)
          log.warning(error.message, { code: error.code, hint: error.hint });
        this.#trouble = error.message;
      }
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #round(): Promise<void> {
    const newestMs = await this.#feed.newestMs();
    if (newestMs !== undefined && newestMs > this.#judgedMs) {
      const desk = await this.#deskAt(newestMs);
      await this.#judge(desk, newestMs);
    }
    await this.#desk?.flush();
  }

  /** A desk for the nodes there are; other nodes than before make a new one, with the past of each. */
  async #deskAt(newestMs: number): Promise<IncidentDesk> {
    const nodes = await this.#feed.nodesBetween(newestMs - HOUR_MS, newestMs);
    if (this.#desk !== undefined && nodes.join() === this.#nodes.join()) return this.#desk;
    const { areAlike, log } = this.#options;
    this.#desk?.close();
    this.#desk = await openIncidentDesk({
      ...this.#options,
      clock: systemClock,
      model: this.#model,
      nodeNames: nodes,
      monitor: { metricNames: FEED_METRICS, ...(areAlike && { peerGroups: nodes.map(() => 'alike') }) },
    });
    this.#nodes = nodes;
    const stepMs = this.#model.stepSeconds * SECOND_MS;
    const untilMs = Number.isFinite(this.#judgedMs) ? this.#judgedMs : newestMs - stepMs;
    const pieceMs = Math.max(HOUR_MS, Math.floor(PIECE_ROWS / nodes.length) * stepMs);
    for (let fromMs = untilMs - PAST_MS; fromMs < untilMs; fromMs += pieceMs) {
      const { scrapes } = await this.#feed.read(nodes, fromMs, Math.min(fromMs + pieceMs, untilMs));
      for (const scrape of scrapes) this.#desk.remember(scrape);
    }
    this.#judgedMs = untilMs;
    log.info('watching', { nodes: nodes.length, openIncidents: this.#desk.open().length });
    return this.#desk;
  }

  async #judge(desk: IncidentDesk, newestMs: number): Promise<void> {
    const { log } = this.#options;
    while (this.#judgedMs < newestMs) {
      const toMs = Math.min(this.#judgedMs + HOUR_MS, newestMs);
      const { timesMs, scrapes } = await this.#feed.read(this.#nodes, this.#judgedMs, toMs);
      for (const [i, scrape] of scrapes.entries()) {
        const events = await desk.observe(timesMs[i] as number, scrape);
        for (const { kind, incident } of events)
          log.info(`incident ${kind}`, { incident: incident.id, suppressedBy: incident.suppressedBy });
      }
      this.#judgedMs = toMs;
    }
  }
}
