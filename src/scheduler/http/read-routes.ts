import type { HttpServer } from '#platform/http-server';

import { decisionUnknown, pushDisabled } from '../errors.ts';
import type { RecentRecords } from '../journal/recent.ts';
import type { RolloutController } from '../rollout/controller.ts';
import { openApiDocument } from './openapi.ts';
import { parseRequest } from './parse.ts';
import { WIRE_VERSION, decisionsQuerySchema, loadRequestSchema } from './wire.ts';
import type { PushedLoad } from '../load/push-source.ts';

export interface ReadContext {
  readonly recent: RecentRecords;
  readonly rollout: RolloutController;
  /** Takes pushed load, where that is the source. */
  readonly pushed: PushedLoad | undefined;
  readonly version: string;
}

/** What people, the console and tools read, and load that is pushed. */
export function addReadRoutes(app: HttpServer, context: ReadContext): void {
  const document = openApiDocument(context.version);
  app.get('/openapi.json', () => document);
  app.get('/v1/decisions', (request) => {
    const query = parseRequest(decisionsQuerySchema, request.query);
    return { schemaVersion: WIRE_VERSION, decisions: context.recent.list(query) };
  });
  app.get<{ Params: { id: string } }>('/v1/decisions/:id', ({ params }) => {
    const found = context.recent.find(params.id);
    if (found === undefined) throw decisionUnknown(params.id.slice(0, 200));
    return { schemaVersion: WIRE_VERSION, ...found };
  });
  app.get('/v1/rollout', () => ({
    schemaVersion: WIRE_VERSION,
    state: context.rollout.state,
    guard: context.rollout.report ?? null,
  }));
  app.post('/v1/load', (request, reply) => {
    const { nodes } = parseRequest(loadRequestSchema, request.body);
    if (context.pushed === undefined) throw pushDisabled();
    return reply.code(202).send({ accepted: context.pushed.push(nodes) });
  });
}
