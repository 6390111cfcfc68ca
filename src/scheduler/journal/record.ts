import { z } from 'zod';

import { SCORE_PARTS } from '#domain';

/** JSON knows no NaN: what is unknown is null. */
const ratio = z.number().nullable();

const partScore = z.union([
  z.object({ kind: z.literal('scored'), score: z.number() }),
  z.object({ kind: z.literal('unknown'), reason: z.string() }),
]);

const evidenceSchema = z.object({
  cpuNowRatio: ratio,
  cpuInFlightRatio: ratio,
  cpuExpectedRatio: ratio,
  forecastHorizonMinutes: ratio,
  cpuForecastMedianRatio: ratio,
  cpuForecastHigh95Ratio: ratio,
  memoryRatio: ratio,
  cpuRequestedRatio: ratio,
  memoryRequestedRatio: ratio,
  healthRatio: ratio,
  podCpuRatio: ratio,
});

const judgedNode = z.object({
  node: z.string(),
  /** 0..1, higher is better. */
  total: z.number(),
  parts: z.object({ forecast: partScore, placement: partScore, health: partScore }),
  /** What was known of the node. */
  evidence: evidenceSchema,
});

export const decisionRecordSchema = z.object({
  schemaVersion: z.literal(1),
  kind: z.literal('decision'),
  id: z.string(),
  atMs: z.number(),
  replica: z.string(),
  front: z.enum(['plugin', 'extender']),
  pod: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    owner: z.string(),
    schedulerName: z.string(),
    cpuRequestMillicores: z.number(),
    memoryRequestBytes: z.number(),
    priority: z.number(),
  }),
  mode: z.enum(['shadow', 'active']),
  /** `treated`: our scores were given. `control` and `shadow`: computed, recorded, not given. */
  arm: z.enum(['treated', 'control', 'shadow']),
  /** Share of workloads that are treated, and the stable place of this one, both 0..100. */
  percent: z.number(),
  bucket: z.number(),
  outcome: z.enum(['scored', 'abstained']),
  reason: z.string(),
  candidates: z.number(),
  unknownNodes: z.number(),
  chosen: judgedNode.nullable(),
  runnerUp: judgedNode.nullable(),
  margin: ratio,
  meanTotal: ratio,
  /** For each part: how far the chosen node's score would have had to fall for the runner-up to win. */
  flips: z.array(z.object({ part: z.enum(SCORE_PARTS), winnerDrop: z.number() })),
  models: z.record(z.string(), z.string()),
  tookMs: z.number(),
});
export type DecisionRecord = z.infer<typeof decisionRecordSchema>;
export type JudgedNode = z.infer<typeof judgedNode>;

/** Where a pod really went. Without a decision of ours it was placed by others. */
export const boundRecordSchema = z.object({
  schemaVersion: z.literal(1),
  kind: z.literal('bound'),
  atMs: z.number(),
  replica: z.string(),
  decisionId: z.string().nullable(),
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  node: z.string(),
  schedulerName: z.string(),
  /** Whether that is the node that we would have chosen; null without a decision. */
  agreed: z.boolean().nullable(),
  /** Our total of the best node less that of the node taken, 0..1; null where either is unknown. */
  regret: ratio,
  /** Place of the node taken in our order, from 1. */
  rank: ratio,
});
export type BoundRecord = z.infer<typeof boundRecordSchema>;

/** What came of a decision, a while after the pod was bound. Ratios of CPU capacity. */
export const outcomeRecordSchema = z.object({
  schemaVersion: z.literal(1),
  kind: z.literal('outcome'),
  atMs: z.number(),
  replica: z.string(),
  decisionId: z.string(),
  arm: z.enum(['treated', 'control', 'shadow']),
  node: z.string(),
  preferredNode: z.string(),
  /** Our forecast for the node taken, with the pod. */
  predictedCpuRatio: ratio,
  /** Mean of the 15 minutes before this record. */
  realisedCpuRatio: ratio,
  /** The same for the node that we preferred: equal when it was taken. */
  preferredRealisedCpuRatio: ratio,
  wasOverloaded: z.boolean(),
});
export type OutcomeRecord = z.infer<typeof outcomeRecordSchema>;

export const journalRecordSchema = z.discriminatedUnion('kind', [
  decisionRecordSchema,
  boundRecordSchema,
  outcomeRecordSchema,
]);
export type JournalRecord = z.infer<typeof journalRecordSchema>;

/** Whether an optional or nullable value is there. */
export function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

/** A number for JSON: null for what is not known. */
export function nullable(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
