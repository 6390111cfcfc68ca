import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Clock } from '#kernel/clock';
import type { Log } from '#kernel/log';
import { createHealthMonitor, createIncidentLog } from '#models/anomaly';
import type {
  AnomalyModel,
  HealthMonitor,
  HealthMonitorOptions,
  Incident,
  IncidentEvent,
  IncidentLog,
  KnownCause,
  SuppressedSpan,
} from '#models/anomaly';
import type { AlertSender } from '#platform/alertmanager';
import { alertOf, labelsOf } from './alert-of.ts';
import type { AlertText } from './alert-of.ts';
import type { IncidentBook } from './book.ts';
import { presentThreshold } from './review.ts';

export interface IncidentDeskOptions {
  readonly model: AnomalyModel;
  /** In the order of the rows of a scrape. */
  readonly nodeNames: readonly string[];
  /** Columns, step and peers, as the monitor takes them. */
  readonly monitor?: Omit<HealthMonitorOptions, 'nodeCount' | 'thresholdMultiple'>;
  readonly book: IncidentBook;
  /** Where alerts go; without it incidents are only written down. */
  readonly sender?: AlertSender;
  readonly text: AlertText;
  /** Of the wall: Alertmanager forgets what it was not told of lately. */
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
}

/** Judges the nodes of a cluster scrape by scrape, writes incidents down and calls people. */
export interface IncidentDesk {
  readonly monitor: HealthMonitor;
  /** Takes up a scrape of the past: nodes get their history, nobody is called. */
  remember(samples: Float32Array): void;
  /**
   * Takes up one scrape, shape `[nodes, metrics]`, NaN = unknown.
   *
   * @returns What opened, was raised or closed.
   * @throws MlschedError `MLS_OPERATIONS_INCIDENT_BOOK`; never because alerts cannot be delivered.
   */
  observe(timeMs: number, samples: Float32Array): Promise<IncidentEvent[]>;
  /** Tells Alertmanager what is due; call it also when there are no news, so that alerts do not expire. */
  flush(): Promise<void>;
  suppress(span: SuppressedSpan): void;
  lift(node: string, cause: KnownCause, atMs: number): void;
  open(): Incident[];
  /** Takes its metrics out of the registry. */
  close(): void;
}

const OPENED = 'mlsched_operations_incidents_opened_total';
const FAILURES = 'mlsched_operations_alert_failures_total';
const OPEN = 'mlsched_operations_incidents_open';
/** An open incident is written down again when its evidence has grown by this. */
const WORTH_WRITING = 1.5;

/** Opens a desk; incidents that were open when the last one ended go on. */
export async function openIncidentDesk(options: IncidentDeskOptions): Promise<IncidentDesk> {
  const content = await options.book.read();
  const open = content.incidents.filter(({ closedMs }) => closedMs === undefined);
  return new Desk(options, open, presentThreshold(content));
}

class Desk implements IncidentDesk {
  readonly monitor: HealthMonitor;
  readonly #options: IncidentDeskOptions;
  readonly #incidents: IncidentLog;
  /** Open incidents of nodes that are gone: nothing will ever be heard of them. */
  #orphans: readonly Incident[];
  /** Evidence of each open incident as it was last written down. */
  readonly #written = new Map<string, number>();
  readonly #opened: Counter<'suppressed_by'>;
  readonly #failures: Counter;
  #isWaiting = false;

  constructor(options: IncidentDeskOptions, open: readonly Incident[], thresholdMultiple: number) {
    const { model, nodeNames, registry } = options;
    this.#options = options;
    this.monitor = createHealthMonitor(model, {
      ...options.monitor,
      nodeCount: nodeNames.length,
      thresholdMultiple,
    });
    this.#orphans = open.filter(({ node }) => !nodeNames.includes(node));
    this.#incidents = createIncidentLog(
      undefined,
      open.filter((incident) => !this.#orphans.includes(incident)),
    );
    for (const incident of this.#incidents.open()) this.#tell(incident);
    this.#opened = new Counter({
      name: OPENED,
      help: 'Incidents of nodes that opened, by why nobody was called (empty: somebody was).',
      labelNames: ['suppressed_by'],
      registers: [registry],
    });
    this.#failures = new Counter({
      name: FAILURES,
      help: 'Rounds in which Alertmanager could not be told; alerts are kept and told later.',
      registers: [registry],
    });
    registry.registerMetric(openGauge(this.#incidents));
  }

  remember(samples: Float32Array): void {
    this.monitor.update(samples);
  }

  async observe(timeMs: number, samples: Float32Array): Promise<IncidentEvent[]> {
    this.monitor.update(samples);
    const events: IncidentEvent[] = this.#orphans.map((incident) => ({
      kind: 'closed',
      incident: { ...incident, closedMs: timeMs },
    }));
    this.#orphans = [];
    for (const [i, node] of this.#options.nodeNames.entries()) {
      const event = this.#incidents.observe({ node, timeMs, health: this.monitor.health(i) });
      if (event !== undefined) events.push(event);
    }
    for (const event of events) await this.#take(event);
    await this.flush();
    return events.filter(({ kind }) => kind !== 'ongoing');
  }

  async #take({ kind, incident }: IncidentEvent): Promise<void> {
    const before = this.#written.get(incident.id) ?? 0;
    if (kind === 'ongoing' && incident.peakStrength < before * WORTH_WRITING) return;
    // Written down first: what people are told of can always be looked up.
    await this.#options.book.recordIncident(incident);
    this.#written.set(incident.id, incident.peakStrength);
    if (kind === 'opened') this.#opened.inc({ suppressed_by: incident.suppressedBy ?? '' });
    if (kind === 'closed') {
      this.#written.delete(incident.id);
      this.#options.sender?.resolve(
        labelsOf(incident, this.#options.text),
        incident.closedMs ?? incident.lastMs,
      );
    } else this.#tell(incident);
  }

  #tell(incident: Incident): void {
    if (incident.suppressedBy === undefined)
      this.#options.sender?.raise(alertOf(incident, this.#options.text));
  }

  async flush(): Promise<void> {
    const { sender, log, clock } = this.#options;
    const result = await sender?.flush(clock.nowMs());
    if (result === undefined) return;
    const isWaiting = result.kind === 'waiting';
    if (isWaiting) this.#failures.inc();
    // Once an outage, not once a scrape.
    if (isWaiting && !this.#isWaiting) {
      const { code, message } = result.error;
      log.warning('alerts wait for Alertmanager', { code, cause: message, queued: result.queued });
    }
    if (!isWaiting && this.#isWaiting) log.success('Alertmanager is told again', { alerts: result.alerts });
    this.#isWaiting = isWaiting;
  }

  suppress(span: SuppressedSpan): void {
    this.#incidents.suppress(span);
  }

  lift(node: string, cause: KnownCause, atMs: number): void {
    this.#incidents.lift(node, cause, atMs);
  }

  open(): Incident[] {
    return this.#incidents.open();
  }

  close(): void {
    for (const name of [OPENED, FAILURES, OPEN]) this.#options.registry.removeSingleMetric(name);
  }
}

function openGauge(incidents: IncidentLog): Gauge {
  return new Gauge({
    name: OPEN,
    help: 'Incidents of nodes that are open now.',
    registers: [],
    collect() {
      this.set(incidents.open().length);
    },
  });
}
