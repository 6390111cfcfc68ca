import { z } from 'zod';

import { isGiven } from '../journal/record.ts';

/** Version of the contract with the scheduler plugin; raised only when a field changes its meaning. */
export const WIRE_VERSION = 1;

const MOST_NODES = 20_000;
const name = z.string().max(253);
const amount = z.number().min(0).max(Number.MAX_SAFE_INTEGER).default(0);

export const podSchema = z.object({
  namespace: name.min(1),
  name: name.min(1),
  uid: name.min(1),
  schedulerName: name.default(''),
  ownerKind: name.default(''),
  ownerName: name.default(''),
  ownerUid: name.default(''),
  labels: z.record(z.string(), z.string()).nullish(),
  priority: z.number().default(0),
  priorityClass: z.string().max(253).default(''),
  cpuRequestMillicores: amount,
  cpuLimitMillicores: amount,
  memoryRequestBytes: amount,
  memoryLimitBytes: amount,
  isDaemon: z.boolean().default(false),
});

const budgetMs = z.number().positive().max(60_000).optional();

export const scoreRequestSchema = z
  .object({
    schemaVersion: z.literal(WIRE_VERSION),
    pod: podSchema,
    nodes: z.array(name).max(MOST_NODES),
    /** The caller's own totals of each node: CPU in millicores, memory in bytes, pods. */
    requested: z.array(z.array(z.number()).length(3)).max(MOST_NODES).nullish(),
    budgetMs,
  })
  .refine(({ nodes, requested }) => !isGiven(requested) || requested.length === nodes.length, {
    message: 'must be as long as nodes',
    path: ['requested'],
  });

export const scoreAnswerSchema = z.object({
  schemaVersion: z.literal(WIRE_VERSION),
  decisionId: z.string(),
  outcome: z.enum(['scored', 'abstained']),
  reason: z.string(),
  /** Aligned with the nodes asked for: 0..100, 50 = as good as the average candidate, -1 = not known. */
  scores: z.array(z.int().min(-1).max(100)),
});

export const filterRequestSchema = z.object({
  schemaVersion: z.literal(WIRE_VERSION),
  pod: podSchema,
  budgetMs,
});

export const filterAnswerSchema = z.object({
  schemaVersion: z.literal(WIRE_VERSION),
  outcome: z.enum(['filtered', 'abstained']),
  reason: z.string(),
  rejected: z.array(z.string()),
  reasons: z.record(z.string(), z.string()),
});
export type FilterAnswer = z.infer<typeof filterAnswerSchema>;

export const eventsRequestSchema = z.object({
  schemaVersion: z.literal(WIRE_VERSION),
  events: z
    .array(
      z.object({
        type: z.enum(['reserved', 'unreserved', 'bound']),
        decisionId: z.string().max(200).default(''),
        podUid: name,
        namespace: name,
        name,
        node: name,
        atMs: z.number().default(0),
      }),
    )
    .max(10_000),
});

export const eventsAnswerSchema = z.object({ accepted: z.int().min(0) });

/** Load pushed by whoever measures, where neither Prometheus nor the metrics API can be asked. */
export const loadRequestSchema = z.object({
  schemaVersion: z.literal(WIRE_VERSION),
  nodes: z
    .array(
      z.object({
        name,
        cpuUsageRatio: z.number(),
        memoryUsageRatio: z.number(),
        atMs: z.number().optional(),
      }),
    )
    .max(MOST_NODES),
});

export const decisionsQuerySchema = z.object({
  pod: z
    .string()
    .regex(/^[^/]+\/[^/]+$/, 'must be namespace/name')
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(20),
});

/** ExtenderArgs of kube-scheduler (extender v1): keys as Go writes them. */
export const extenderArgsSchema = z
  .looseObject({
    Pod: z.looseObject({}),
    NodeNames: z.array(name).max(MOST_NODES).nullish(),
    Nodes: z
      .looseObject({
        items: z.array(z.looseObject({ metadata: z.looseObject({ name }) })).max(MOST_NODES),
      })
      .nullish(),
  })
  .refine(({ NodeNames, Nodes }) => isGiven(NodeNames) || isGiven(Nodes), {
    message: 'neither NodeNames nor Nodes is given',
    path: ['NodeNames'],
  });
export type ExtenderArgs = z.infer<typeof extenderArgsSchema>;
