import type { BoundRecord, DecisionRecord, JournalRecord, OutcomeRecord } from './record.ts';

/** A decision together with what came of it. */
interface ExplainedDecision {
  readonly decision: DecisionRecord;
  readonly bound: BoundRecord | undefined;
  readonly outcome: OutcomeRecord | undefined;
}

/** A pod that got its node without a decision of ours. */
interface UnscoredPod {
  readonly bound: BoundRecord;
}

export type Explanation =
  | ({ readonly kind: 'decision' } & ExplainedDecision)
  /** Not scored by us: another scheduler placed it, it had one candidate alone, or we were not asked. */
  | ({ readonly kind: 'not-scored-by-us' } & UnscoredPod);

/** Brings the records of decisions together; the latest first. */
export function explainRecords(records: readonly JournalRecord[]): Explanation[] {
  const bounds = new Map<string, BoundRecord>();
  const outcomes = new Map<string, OutcomeRecord>();
  const unscored: Explanation[] = [];
  for (const record of records) {
    if (record.kind === 'outcome') outcomes.set(record.decisionId, record);
    if (record.kind !== 'bound') continue;
    if (record.decisionId === null) unscored.push({ kind: 'not-scored-by-us', bound: record });
    else bounds.set(record.decisionId, record);
  }
  const decisions = records.flatMap((record): Explanation[] =>
    record.kind === 'decision'
      ? [
          {
            kind: 'decision',
            decision: record,
            bound: bounds.get(record.id),
            outcome: outcomes.get(record.id),
          },
        ]
      : [],
  );
  return [...decisions, ...unscored].sort((a, b) => momentOf(b) - momentOf(a));
}

function momentOf(explanation: Explanation): number {
  return explanation.kind === 'decision' ? explanation.decision.atMs : explanation.bound.atMs;
}
