import type { Contribution, NodeHealth } from './types.ts';

/** One disturbance of one node, from its first alert to the end of it. */
export interface Incident {
  /** `<node>@<openedMs>`: the same incident keeps its identity. */
  readonly id: string;
  readonly node: string;
  readonly openedMs: number;
  /** When it was last seen. */
  readonly lastMs: number;
  /** Undefined while it lasts. */
  readonly closedMs: number | undefined;
  /** Least health seen so far, 0..1. */
  readonly worstHealthRatio: number;
  /** What stood out at that moment. */
  readonly contributions: readonly Contribution[];
}

/** What happened to an incident at one sample. */
export interface IncidentEvent {
  readonly kind: 'opened' | 'ongoing' | 'closed';
  readonly incident: Incident;
}

/** A known cause: what happens on the node in this span is expected and opens no incident. */
export interface SuppressedSpan {
  readonly node: string;
  readonly fromMs: number;
  /** Exclusive; Infinity for as long as the cause lasts. */
  readonly untilMs: number;
  readonly cause: 'cordon' | 'drain' | 'deploy' | 'maintenance';
}

/** The health of one node at one moment. */
export interface Observation {
  readonly node: string;
  readonly timeMs: number;
  readonly health: NodeHealth;
}

/** Keeps track of the open incidents of a cluster. */
export interface IncidentLog {
  /**
   * Takes up one observation; a node's observations come in the order of time.
   *
   * @returns The event, or undefined when nothing is and nothing was wrong.
   */
  observe(observation: Observation): IncidentEvent | undefined;
  /** Announces a known cause. It opens no new incident; one that is open goes on. */
  suppress(span: SuppressedSpan): void;
  /** Ends all suppressions of a node, as an uncordon does. */
  lift(node: string): void;
  /** Open incidents, oldest first. */
  open(): Incident[];
}

/**
 * Starts a log of incidents: points become things that open, go on and close.
 *
 * An alert that comes back within `reopenMs` is the same incident. An unknown state neither opens nor closes
 * one at once: it counts as quiet.
 *
 * @param reopenMs - Default 30 minutes: an operator is called once for a fault that flaps.
 */
export function createIncidentLog(reopenMs = 1_800_000): IncidentLog {
  return new Log(reopenMs);
}

class Log implements IncidentLog {
  readonly #reopenMs: number;
  readonly #open = new Map<string, Incident>();
  #suppressed: SuppressedSpan[] = [];

  constructor(reopenMs: number) {
    this.#reopenMs = reopenMs;
  }

  observe({ node, timeMs, health }: Observation): IncidentEvent | undefined {
    const known = this.#open.get(node);
    const isAlert = health.kind === 'scored' && health.level === 'alert';
    if (!isAlert) return known === undefined ? undefined : this.#rest(known, timeMs);
    if (known !== undefined) return this.#keep(extend(known, timeMs, health), 'ongoing');
    if (this.#isSuppressed(node, timeMs)) return undefined;
    return this.#keep(begin(node, timeMs, health), 'opened');
  }

  #keep(incident: Incident, kind: 'opened' | 'ongoing'): IncidentEvent {
    this.#open.set(incident.node, incident);
    return { kind, incident };
  }

  #rest(known: Incident, timeMs: number): IncidentEvent {
    if (timeMs - known.lastMs < this.#reopenMs) return { kind: 'ongoing', incident: known };
    this.#open.delete(known.node);
    return { kind: 'closed', incident: { ...known, closedMs: timeMs } };
  }

  #isSuppressed(node: string, timeMs: number): boolean {
    this.#suppressed = this.#suppressed.filter((span) => span.node !== node || span.untilMs > timeMs);
    return this.#suppressed.some((span) => span.node === node && span.fromMs <= timeMs);
  }

  suppress(span: SuppressedSpan): void {
    this.#suppressed.push(span);
  }

  lift(node: string): void {
    this.#suppressed = this.#suppressed.filter((span) => span.node !== node);
  }

  open(): Incident[] {
    return [...this.#open.values()].sort((a, b) => a.openedMs - b.openedMs);
  }
}

type ScoredHealth = Extract<NodeHealth, { kind: 'scored' }>;

function begin(node: string, timeMs: number, health: ScoredHealth): Incident {
  return {
    id: `${node}@${timeMs}`,
    node,
    openedMs: timeMs,
    lastMs: timeMs,
    closedMs: undefined,
    worstHealthRatio: health.healthRatio,
    contributions: health.contributions,
  };
}

function extend(incident: Incident, timeMs: number, health: ScoredHealth): Incident {
  const isWorse = health.healthRatio < incident.worstHealthRatio;
  return {
    ...incident,
    lastMs: timeMs,
    worstHealthRatio: isWorse ? health.healthRatio : incident.worstHealthRatio,
    contributions: isWorse ? health.contributions : incident.contributions,
  };
}
