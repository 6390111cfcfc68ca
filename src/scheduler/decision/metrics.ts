import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

import type { DecisionRecord } from '../journal/record.ts';

/** Seconds of a decision: the budget is a few milliseconds. */
const BUCKETS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1];

export interface DecisionMetrics {
  took(front: DecisionRecord['front'], ms: number): void;
  decided(
    front: DecisionRecord['front'],
    arm: DecisionRecord['arm'],
    verdict: { readonly outcome: string; readonly reason: string },
  ): void;
  failed(): void;
  /** Decisions, abstentions without those that shadow and control ask for, and failures so far. */
  totals(): DecisionTotals;
}

interface DecisionTotals {
  readonly decisions: number;
  readonly abstentions: number;
  readonly failures: number;
}

/** Abstentions that are wanted. */
const WANTED = new Set(['shadow', 'control']);

export function createDecisionMetrics(registry: Registry): DecisionMetrics {
  const registers = [registry];
  const duration = new Histogram({
    name: 'mlsched_scheduler_decision_duration_seconds',
    help: 'Time to decide one pod, from the parsed request to the verdict.',
    labelNames: ['front'],
    buckets: BUCKETS,
    registers,
  });
  const decisions = new Counter({
    name: 'mlsched_scheduler_decisions_total',
    help: 'Decisions by front, arm of the rollout, outcome, and reason of an abstention.',
    labelNames: ['front', 'arm', 'outcome', 'reason'],
    registers,
  });
  const failures = new Counter({
    name: 'mlsched_scheduler_decision_failures_total',
    help: 'Decisions that failed inside; the pod was placed as without us.',
    registers,
  });
  const totals = { decisions: 0, abstentions: 0, failures: 0 };
  return {
    took: (front, ms) => duration.observe({ front }, ms / 1000),
    decided(front, arm, { outcome, reason }) {
      decisions.inc({ front, arm, outcome, reason });
      totals.decisions++;
      if (outcome === 'abstained' && !WANTED.has(reason)) totals.abstentions++;
    },
    failed() {
      failures.inc();
      totals.decisions++;
      totals.failures++;
    },
    totals: () => ({ ...totals }),
  };
}

export interface ServiceGauges {
  readonly set: (name: keyof typeof GAUGES, value: number) => void;
}

const GAUGES = {
  nodes: 'Nodes in the view.',
  fresh_nodes: 'Nodes whose load is recent enough to decide by.',
  bound_pods: 'Pods that are bound and visible in the metrics.',
  in_flight_pods: 'Pods that are placed but not yet visible in the metrics.',
  pending_pods: 'Pods known to wait for a node.',
  oldest_pending_seconds: 'Longest that a known pod has been waiting.',
  tracked_decisions: 'Decisions whose pod is not bound yet.',
  journal_queued_records: 'Journal records that wait for the disk.',
  journal_dropped_records:
    'Journal records that were dropped because the disk was too slow, since the start.',
  rollout_percent: 'Share of workloads that get our scores, 0..100.',
  signals_current: '1 when forecasts and health are as of the last round.',
  tick_seconds: 'Duration of the last round of load, forecasts and health.',
} as const;

/** Gauges of the service, set once a round. */
export function createServiceGauges(registry: Registry): ServiceGauges {
  const gauges = new Map(
    Object.entries(GAUGES).map(([name, help]) => [
      name,
      new Gauge({ name: `mlsched_scheduler_${name}`, help, registers: [registry] }),
    ]),
  );
  return { set: (name, value) => gauges.get(name)?.set(value) };
}
