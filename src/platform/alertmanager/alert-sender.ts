import { isMlschedError } from '#kernel/errors';
import type { MlschedError } from '#kernel/errors';
import { SECOND_MS } from '#kernel/units';
import type { Alertmanager } from './client.ts';
import type { Alert, TimedAlert } from './types.ts';

export interface AlertSenderOptions {
  /** An alert that goes on is told again after this time; default 60 s, as Prometheus does. */
  readonly resendSeconds?: number;
  /** Alerts kept at most; default 1,000. */
  readonly limit?: number;
}

/** What came of telling the alerts. */
export type FlushResult =
  | { readonly kind: 'sent'; readonly alerts: number }
  /** Alertmanager is out of reach or refuses: everything is kept and told later. */
  | { readonly kind: 'waiting'; readonly queued: number; readonly error: MlschedError };

/** Keeps Alertmanager informed of the alerts of one source. */
export interface AlertSender {
  /** Alerts that fire, and those that are over but not told yet. */
  readonly size: number;
  /** Alerts that had to be dropped because there were too many, since the start. */
  readonly dropped: number;
  /** Begins an alert, or renews what it says; the same labels are the same alert. */
  raise(alert: Alert): void;
  /** Ends an alert; nothing when there is none with these labels. */
  resolve(labels: Alert['labels'], atMs: number): void;
  /** Tells what is new, what is over and what must be told again. Call it often; it sends only what is due. */
  flush(nowMs: number): Promise<FlushResult>;
}

interface Kept {
  readonly alert: Alert;
  /** When it ended; undefined while it fires. */
  readonly endedMs: number | undefined;
  /** When Alertmanager was last told; -Infinity = what it knows is out of date. */
  readonly toldMs: number;
}

const DEFAULT_RESEND_SECONDS = 60;
const DEFAULT_LIMIT = 1000;
/** Without news for this many resends the receiver takes an alert for over: we are gone, or the network is. */
const VALID_RESENDS = 4;

/**
 * Opens a sender.
 *
 * It holds states, not messages: an outage of any length costs the memory of the alerts that are on, and when it is over
 * Alertmanager learns how things are now. An alert that began and ended unseen is told as over.
 */
export function createAlertSender(server: Alertmanager, options: AlertSenderOptions = {}): AlertSender {
  return new Sender(server, options);
}

class Sender implements AlertSender {
  readonly #server: Alertmanager;
  readonly #resendMs: number;
  readonly #limit: number;
  /** By labels, in the order in which they were raised. */
  readonly #kept = new Map<string, Kept>();
  #dropped = 0;

  constructor(server: Alertmanager, options: AlertSenderOptions) {
    this.#server = server;
    this.#resendMs = (options.resendSeconds ?? DEFAULT_RESEND_SECONDS) * SECOND_MS;
    this.#limit = options.limit ?? DEFAULT_LIMIT;
  }

  get size(): number {
    return this.#kept.size;
  }

  get dropped(): number {
    return this.#dropped;
  }

  raise(alert: Alert): void {
    const key = keyOf(alert.labels);
    const known = this.#kept.get(key);
    const isSame = known !== undefined && known.endedMs === undefined && saysTheSame(known.alert, alert);
    if (isSame) return;
    if (known === undefined && this.#kept.size >= this.#limit) this.#dropOne();
    this.#kept.set(key, { alert, endedMs: undefined, toldMs: -Infinity });
  }

  /** What is over can be missed best: Alertmanager ends it by itself when it hears no more of it. */
  #dropOne(): void {
    const over = [...this.#kept].find(([, { endedMs }]) => endedMs !== undefined);
    const key = over?.[0] ?? this.#kept.keys().next().value;
    if (key !== undefined) this.#kept.delete(key);
    this.#dropped++;
  }

  resolve(labels: Alert['labels'], atMs: number): void {
    const key = keyOf(labels);
    const known = this.#kept.get(key);
    if (known === undefined || known.endedMs !== undefined) return;
    this.#kept.set(key, { ...known, endedMs: atMs, toldMs: -Infinity });
  }

  async flush(nowMs: number): Promise<FlushResult> {
    const due = [...this.#kept].filter(([, { toldMs }]) => nowMs - toldMs >= this.#resendMs);
    if (due.length === 0) return { kind: 'sent', alerts: 0 };
    try {
      await this.#server.post(due.map(([, kept]) => this.#timed(kept, nowMs)));
    } catch (error) {
      if (!isMlschedError(error)) throw error;
      return { kind: 'waiting', queued: this.#kept.size, error };
    }
    for (const [key, told] of due) this.#markTold(key, told, nowMs);
    return { kind: 'sent', alerts: due.length };
  }

  #timed({ alert, endedMs }: Kept, nowMs: number): TimedAlert {
    return { ...alert, endsAtMs: endedMs ?? nowMs + VALID_RESENDS * this.#resendMs };
  }

  #markTold(key: string, told: Kept, nowMs: number): void {
    // Changed while the request was under way: that is still to be told.
    if (this.#kept.get(key) !== told) return;
    if (told.endedMs === undefined) this.#kept.set(key, { ...told, toldMs: nowMs });
    else this.#kept.delete(key);
  }
}

function keyOf(labels: Alert['labels']): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function saysTheSame(a: Alert, b: Alert): boolean {
  return keyOf(a.annotations) === keyOf(b.annotations) && a.startsAtMs === b.startsAtMs;
}
