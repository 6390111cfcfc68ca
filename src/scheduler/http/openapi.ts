import { z } from 'zod';

import { boundRecordSchema, decisionRecordSchema, outcomeRecordSchema } from '../journal/record.ts';
import { rolloutStateSchema } from '../rollout/state.ts';
import {
  decisionsQuerySchema,
  eventsAnswerSchema,
  eventsRequestSchema,
  extenderArgsSchema,
  filterAnswerSchema,
  filterRequestSchema,
  loadRequestSchema,
  scoreAnswerSchema,
  scoreRequestSchema,
} from './wire.ts';

const errorSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
});

const explainedSchema = z.object({
  kind: z.enum(['decision', 'not-scored-by-us']),
  decision: decisionRecordSchema.optional(),
  bound: boundRecordSchema.optional(),
  outcome: outcomeRecordSchema.optional(),
});

const extenderFilterResult = z.object({
  NodeNames: z.array(z.string()).optional(),
  Nodes: z.looseObject({ items: z.array(z.looseObject({})) }).optional(),
  FailedNodes: z.record(z.string(), z.string()),
  Error: z.string(),
});

interface Operation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly summary: string;
  readonly request?: z.ZodType;
  readonly query?: z.ZodObject;
  readonly status?: number;
  readonly answer: z.ZodType;
}

const OPERATIONS: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/score',
    summary: 'Scores candidate nodes for one pod, or abstains. Called by the scheduler plugin.',
    request: scoreRequestSchema,
    answer: scoreAnswerSchema,
  },
  {
    method: 'post',
    path: '/v1/filter',
    summary: 'Nodes to leave out for one pod: opt-in, bounded, empty by default.',
    request: filterRequestSchema,
    answer: filterAnswerSchema,
  },
  {
    method: 'post',
    path: '/v1/events',
    summary: 'Reservations and bindings, before the API server shows them.',
    request: eventsRequestSchema,
    status: 202,
    answer: eventsAnswerSchema,
  },
  {
    method: 'post',
    path: '/v1/load',
    summary: 'Load of nodes, where load.source is push.',
    request: loadRequestSchema,
    status: 202,
    answer: eventsAnswerSchema,
  },
  {
    method: 'post',
    path: '/extender/prioritize',
    summary: 'Extender v1: scores 0..10; an empty list is neutral.',
    request: extenderArgsSchema,
    answer: z.array(z.object({ Host: z.string(), Score: z.int().min(0).max(10) })),
  },
  {
    method: 'post',
    path: '/extender/filter',
    summary: 'Extender v1: nodes that remain.',
    request: extenderArgsSchema,
    answer: extenderFilterResult,
  },
  {
    method: 'get',
    path: '/v1/decisions',
    summary: 'The latest decisions, of one pod if it is named. Pods placed by others are marked so.',
    query: decisionsQuerySchema,
    answer: z.object({ schemaVersion: z.literal(1), decisions: z.array(explainedSchema) }),
  },
  {
    method: 'get',
    path: '/v1/decisions/{id}',
    summary: 'One recent decision.',
    answer: explainedSchema.extend({ schemaVersion: z.literal(1) }),
  },
  {
    method: 'get',
    path: '/v1/rollout',
    summary: 'How far the rollout is, and what its guard sees.',
    answer: z.object({
      schemaVersion: z.literal(1),
      state: rolloutStateSchema,
      guard: z.looseObject({}).nullable(),
    }),
  },
];

/** The OpenAPI 3.1 document of the decision service, made from the schemas that check requests. */
export function openApiDocument(version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'mlsched decision service', version },
    paths,
  };
}

function describe({ summary, path, request, query, status = 200, answer }: Operation): object {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
      name,
      in: 'query',
      schema: jsonSchema(schema as z.ZodType, 'input'),
    })),
  ];
  return {
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(request === undefined
      ? {}
      : { requestBody: { required: true, content: jsonContent(request, 'input') } }),
    responses: {
      [status]: { description: 'The answer.', content: jsonContent(answer, 'output') },
      '4XX': { description: 'What is wrong with the request.', content: jsonContent(errorSchema, 'output') },
    },
  };
}

function jsonContent(schema: z.ZodType, io: 'input' | 'output'): object {
  return { 'application/json': { schema: jsonSchema(schema, io) } };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
