import { MINUTE_MS } from '#kernel/units';

import { SHARED_RATIO } from './peers.ts';
import type { Contribution, NodeHealth } from './types.ts';

/** What people and controllers do to nodes on purpose. */
export type KnownCause = 'cordon' | 'drain' | 'deploy' | 'maintenance';

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
  /** Strongest evidence so far, in multiples of the model's own alert threshold. */
  readonly peakStrength: number;
  /** What stood out at the moment of the strongest evidence. */
  readonly contributions: readonly Contribution[];
  /** Why nobody is called: a known cause, or most peers showed the same; undefined = it is the node's own. */
  readonly suppressedBy: KnownCause | 'shared-shift' | undefined;
}

/** What happened to an incident at one sample; `raised`: it goes on although the cause that suppressed it is over. */
export interface IncidentEvent {
  readonly kind: 'opened' | 'raised' | 'ongoing' | 'closed';
  readonly incident: Incident;
}

/** A known cause: an incident that opens on the node in this span is marked with it and calls nobody. */
export interface SuppressedSpan {
  /** `*` = every node. */
  readonly node: string;
  readonly fromMs: number;
  /** Exclusive; Infinity for as long as the cause lasts. */
  readonly untilMs: number;
  readonly cause: KnownCause;
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
  /** Announces a known cause. An incident that was open before goes on unchanged. */
  suppress(span: SuppressedSpan): void;
  /** Ends a cause, as an uncordon does; what the node does in the ten minutes after is still put down to it. */
  lift(node: string, cause: KnownCause, atMs: number): void;
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
 * @param open - Incidents that were open when an earlier log ended: they go on.
 */
export function createIncidentLog(reopenMs = 30 * MINUTE_MS, open: readonly Incident[] = []): IncidentLog {
  return new Log(reopenMs, open);
}

/** Coming back into service also stands out. */
const AFTERMATH_MS = 10 * MINUTE_MS;
const EVERY_NODE = '*';

class Log implements IncidentLog {
  readonly #reopenMs: number;
  readonly #open: Map<string, Incident>;
  #suppressed: SuppressedSpan[] = [];

  constructor(reopenMs: number, open: readonly Incident[]) {
    this.#reopenMs = reopenMs;
    this.#open = new Map(open.map((incident) => [incident.node, incident]));
  }

  observe({ node, timeMs, health }: Observation): IncidentEvent | undefined {
    const known = this.#open.get(node);
    if (health.kind !== 'scored' || health.level !== 'alert')
      return known === undefined ? undefined : this.#rest(known, timeMs);
    const cause = this.#causeOf(node, timeMs) ?? sharedCause(health);
    if (known === undefined)
      return this.#keep({ ...begin(node, timeMs, health), suppressedBy: cause }, 'opened');
    const isRaised = known.suppressedBy !== undefined && cause === undefined;
    // A cause that comes later does not silence what had already called somebody.
    const suppressedBy = known.suppressedBy === undefined ? undefined : cause;
    return this.#keep({ ...extend(known, timeMs, health), suppressedBy }, isRaised ? 'raised' : 'ongoing');
  }

  #keep(incident: Incident, kind: IncidentEvent['kind']): IncidentEvent {
    this.#open.set(incident.node, incident);
    return { kind, incident };
  }

  #rest(known: Incident, timeMs: number): IncidentEvent {
    if (timeMs - known.lastMs < this.#reopenMs) return { kind: 'ongoing', incident: known };
    this.#open.delete(known.node);
    return { kind: 'closed', incident: { ...known, closedMs: timeMs } };
  }

  #causeOf(node: string, timeMs: number): KnownCause | undefined {
    const isFor = (span: SuppressedSpan): boolean => span.node === node || span.node === EVERY_NODE;
    return this.#suppressed.find((span) => isFor(span) && span.fromMs <= timeMs && timeMs < span.untilMs)
      ?.cause;
  }

  suppress(span: SuppressedSpan): void {
    // Old spans go when new ones come, so that the list stays as short as the causes at hand.
    this.#suppressed = this.#suppressed.filter(({ untilMs }) => untilMs > span.fromMs);
    this.#suppressed.push(span);
  }

  lift(node: string, cause: KnownCause, atMs: number): void {
    this.#suppressed = this.#suppressed.map((span) =>
      span.node === node && span.cause === cause
        ? { ...span, untilMs: Math.min(span.untilMs, atMs + AFTERMATH_MS) }
        : span,
    );
  }

  open(): Incident[] {
    return [...this.#open.values()].sort((a, b) => a.openedMs - b.openedMs);
  }
}

function sharedCause({ peers }: ScoredHealth): 'shared-shift' | undefined {
  return peers.kind === 'compared' && peers.sharedRatio >= SHARED_RATIO ? 'shared-shift' : undefined;
}

type ScoredHealth = Extract<NodeHealth, { kind: 'scored' }>;

function begin(node: string, timeMs: number, health: ScoredHealth): Omit<Incident, 'suppressedBy'> {
  return {
    id: `${node}@${timeMs}`,
    node,
    openedMs: timeMs,
    lastMs: timeMs,
    closedMs: undefined,
    worstHealthRatio: health.healthRatio,
    peakStrength: health.strength,
    contributions: health.contributions,
  };
}

function extend(incident: Incident, timeMs: number, health: ScoredHealth): Incident {
  const isWorse = health.strength > incident.peakStrength;
  return {
    ...incident,
    lastMs: timeMs,
    worstHealthRatio: Math.min(incident.worstHealthRatio, health.healthRatio),
    peakStrength: isWorse ? health.strength : incident.peakStrength,
    contributions: isWorse ? health.contributions : incident.contributions,
  };
}
