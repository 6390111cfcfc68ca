import { clopperPearson } from '#kernel/binomial';
import { MINUTE_MS } from '#kernel/units';
import { DEFAULT_TARGET_PRECISION, describeContributions, tuneThreshold } from '#models/anomaly';
import type { Incident, TunedThreshold } from '#models/anomaly';
import type { BookContent, IncidentBook, Verdict } from './book.ts';

/** An incident as people see it. */
export interface ListedIncident {
  readonly id: string;
  readonly node: string;
  readonly state: 'open' | 'closed';
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly durationMinutes: number;
  /** Why nobody was called, or null. */
  readonly suppressedBy: Incident['suppressedBy'] | null;
  readonly worstHealthRatio: number;
  /** In multiples of the model's own alert threshold. */
  readonly peakStrength: number;
  /** What stood out, in words. */
  readonly what: string;
  readonly contributions: Incident['contributions'];
  readonly verdict: 'true' | 'false' | null;
  readonly note: string | null;
}

/** How good alerts are in service, by what operators said. */
export interface PrecisionReview {
  readonly incidents: number;
  readonly suppressedIncidents: number;
  readonly judgedIncidents: number;
  readonly trueIncidents: number;
  /** Share of true ones among the judged, null without verdicts. */
  readonly precision: number | null;
  /** Exact 95 % interval (Clopper-Pearson). */
  readonly ci95: readonly [low: number, high: number];
  readonly targetPrecision: number;
  readonly thresholdMultiple: number;
  /** What tuning would do now. */
  readonly advice: {
    readonly kind: TunedThreshold['kind'];
    readonly multiple: number;
    readonly reason: string;
  };
  readonly damagedLines: number;
}

export function listIncidents(content: BookContent): ListedIncident[] {
  return content.incidents.map((incident) => describe(incident, content.verdicts.get(incident.id)));
}

function describe(incident: Incident, verdict: Verdict | undefined): ListedIncident {
  const { closedMs } = incident;
  return {
    id: incident.id,
    node: incident.node,
    state: closedMs === undefined ? 'open' : 'closed',
    openedAt: new Date(incident.openedMs).toISOString(),
    closedAt: closedMs === undefined ? null : new Date(closedMs).toISOString(),
    durationMinutes: (incident.lastMs - incident.openedMs) / MINUTE_MS,
    suppressedBy: incident.suppressedBy ?? null,
    worstHealthRatio: incident.worstHealthRatio,
    peakStrength: incident.peakStrength,
    what: describeContributions(incident.contributions),
    contributions: incident.contributions,
    verdict: verdict === undefined ? null : verdict.isTrue ? 'true' : 'false',
    note: verdict?.note ?? null,
  };
}

/** The threshold in force: that of the last tuning. */
export function presentThreshold({ tunings }: BookContent): number {
  return tunings.at(-1)?.thresholdMultiple ?? 1;
}

/**
 * Sums up the verdicts: precision in service with its interval, and what tuning would do.
 *
 * Suppressed incidents called nobody: their verdicts do not count.
 */
export function reviewPrecision(
  content: BookContent,
  targetPrecision = DEFAULT_TARGET_PRECISION,
): PrecisionReview {
  const multiple = presentThreshold(content);
  const raised = content.incidents.filter(({ suppressedBy }) => suppressedBy === undefined);
  const judged = raised.flatMap(({ id, peakStrength }) => {
    const verdict = content.verdicts.get(id);
    return verdict === undefined ? [] : [{ peakStrength, isTrue: verdict.isTrue }];
  });
  const tuned = tuneThreshold(judged, multiple, { targetPrecision });
  const right = judged.filter(({ isTrue }) => isTrue).length;
  const { mean, low, high } = clopperPearson(right, judged.length);
  return {
    incidents: content.incidents.length,
    suppressedIncidents: content.incidents.length - raised.length,
    judgedIncidents: judged.length,
    trueIncidents: right,
    precision: judged.length === 0 ? null : mean,
    ci95: [low, high],
    targetPrecision,
    thresholdMultiple: multiple,
    advice: { kind: tuned.kind, multiple: tuned.multiple, reason: tuned.reason },
    damagedLines: content.damagedLines,
  };
}

/** Applies the advice of the review; a threshold that is kept leaves no entry. */
export async function applyTuning(
  book: IncidentBook,
  nowMs: number,
  targetPrecision?: number,
): Promise<PrecisionReview> {
  const review = reviewPrecision(await book.read(), targetPrecision);
  const { kind, multiple, reason } = review.advice;
  if (kind !== 'kept') await book.recordTuning({ thresholdMultiple: multiple, reason, atMs: nowMs });
  return review;
}
