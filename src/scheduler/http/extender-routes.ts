import type { HttpServer } from '#platform/http-server';

import { isGiven } from '../journal/record.ts';
import type { FrontContext } from './front.ts';
import { parseRequest } from './parse.ts';
import { podOfExtender } from './pod-request.ts';
import { extenderArgsSchema } from './wire.ts';
import type { ExtenderArgs } from './wire.ts';

/** An extender's scores are 0..10. */
const HIGHEST_PRIORITY = 10;
const NEUTRAL_PRIORITY = 5;
const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * The extender protocol of kube-scheduler (v1), for stock binaries. Fastify sends a Content-Length with each answer:
 * kube-scheduler opens a new connection after each one without.
 */
export function addExtenderRoutes(app: HttpServer, context: FrontContext): void {
  app.post('/extender/prioritize', async (request, reply) => {
    const arrivedMs = performance.now() - reply.elapsedTime;
    const args = parseRequest(extenderArgsSchema, request.body);
    const nodes = namesOf(args);
    const verdict = await context.core.score({
      front: 'extender',
      pod: podOfExtender(args.Pod),
      nodes,
      deadlineMs: arrivedMs + context.budgetMs(undefined),
    });
    reply.type(JSON_TYPE);
    // No entry at all is neutral: nothing is added to any node.
    if (verdict.outcome === 'abstained') return reply.send('[]');
    const entries = nodes.map((name, i) => {
      const score = verdict.scores[i] as number;
      const priority = score < 0 ? NEUTRAL_PRIORITY : Math.round((score / 100) * HIGHEST_PRIORITY);
      return `{"Host":${JSON.stringify(name)},"Score":${priority}}`;
    });
    return reply.send(`[${entries.join(',')}]`);
  });
  app.post('/extender/filter', (request) => {
    const args = parseRequest(extenderArgsSchema, request.body);
    const { rejected } = context.filter(podOfExtender(args.Pod));
    return filterResult(args, new Map(rejected.map(({ node, reason }) => [node, reason])));
  });
}

/** Names in the order asked, whichever form they came in. */
function namesOf({ NodeNames, Nodes }: ExtenderArgs): string[] {
  return NodeNames ?? Nodes?.items.map(({ metadata }) => metadata.name) ?? [];
}

/** Never rejects the last node: a pod without any would wait for us. */
function filterResult(args: ExtenderArgs, rejected: ReadonlyMap<string, string>): object {
  const names = namesOf(args);
  const kept = names.filter((name) => !rejected.has(name));
  const isAll = kept.length === 0;
  const FailedNodes = isAll
    ? {}
    : Object.fromEntries(
        names.flatMap((name) => [[name, rejected.get(name)]]).filter(([, why]) => why !== undefined),
      );
  if (isGiven(args.NodeNames)) return { NodeNames: isAll ? names : kept, FailedNodes, Error: '' };
  const items = args.Nodes?.items ?? [];
  return {
    Nodes: { items: isAll ? items : items.filter(({ metadata }) => !rejected.has(metadata.name)) },
    FailedNodes,
    Error: '',
  };
}
