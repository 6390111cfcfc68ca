import type { HttpServer } from '#platform/http-server';

import type { FrontContext } from './front.ts';
import { parseRequest } from './parse.ts';
import { podOfPlugin } from './pod-request.ts';
import { WIRE_VERSION, eventsRequestSchema, filterRequestSchema, scoreRequestSchema } from './wire.ts';
import type { FilterAnswer } from './wire.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

/** What the Go plugin calls. */
export function addPluginRoutes(app: HttpServer, context: FrontContext): void {
  app.post('/v1/score', async (request, reply) => {
    const arrivedMs = performance.now() - reply.elapsedTime;
    const { pod, nodes, requested, budgetMs } = parseRequest(scoreRequestSchema, request.body);
    const verdict = await context.core.score({
      front: 'plugin',
      pod: podOfPlugin(pod),
      nodes,
      requested: requested ?? undefined,
      deadlineMs: arrivedMs + context.budgetMs(budgetMs),
    });
    const { decisionId, outcome, reason, scores } = verdict;
    // Put together by hand: what is long is numbers alone.
    const head = JSON.stringify({ schemaVersion: WIRE_VERSION, decisionId, outcome, reason });
    return reply.type(JSON_TYPE).send(`${head.slice(0, -1)},"scores":[${scores.join(',')}]}`);
  });
  app.post('/v1/filter', (request) => {
    const { pod } = parseRequest(filterRequestSchema, request.body);
    const { rejected, reason } = context.filter(podOfPlugin(pod));
    const answer: FilterAnswer = {
      schemaVersion: WIRE_VERSION,
      outcome: reason === '' ? 'filtered' : 'abstained',
      reason,
      rejected: rejected.map(({ node }) => node),
      reasons: Object.fromEntries(rejected.map((one) => [one.node, one.reason])),
    };
    return answer;
  });
  app.post('/v1/events', (request, reply) => {
    const { events } = parseRequest(eventsRequestSchema, request.body);
    return reply.code(202).send({ accepted: context.cluster.applyEvents(events) });
  });
}
