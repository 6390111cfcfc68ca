import type { ServerOptions as HttpsOptions } from 'node:https';
import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { isMlschedError, messageOf } from '#kernel/errors';
import type { ErrorKind } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { LATENCY_BUCKETS_SECONDS } from '#kernel/metrics';
import { MIB } from '#kernel/units';
import { listenFailed } from './errors.ts';

/** Fastify, which brings schemas, hooks and `inject` for tests. */
export type HttpServer = FastifyInstance;

export interface HttpServerOptions {
  readonly log: Log;
  readonly registry: Registry;
  /** Larger bodies are refused with 413; default 4 MiB. */
  readonly bodyLimitBytes?: number;
  /** Serves HTTPS alone; asks for a client certificate when it says so. */
  readonly tls?: HttpsOptions;
  /** Why the service cannot do its work now, or undefined when it can; asked by `/readyz`. */
  readonly unreadyReason?: () => string | undefined;
  /** Body of an error where a protocol wants another one than ours. */
  readonly formatError?: (error: ErrorBody) => object;
}

/** What a caller learns of an error. */
interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** Longer than kube-scheduler's client keeps an idle connection (90 s), so that we never close it under a request. */
const KEEP_ALIVE_MS = 95_000;
const DEFAULT_BODY_LIMIT_BYTES = 4 * MIB;

const STATUS_OF: Readonly<Record<ErrorKind, number>> = {
  'invalid-input': 400,
  'not-found': 404,
  conflict: 409,
  timeout: 504,
  unavailable: 503,
  internal: 500,
};

/**
 * A server with what every service answers: `/livez`, `/readyz`, `/metrics`, errors as
 * `{"error":{"code","message","hint"}}`, and rate, errors and duration by route.
 *
 * @remarks Routes are added by the caller before `listen`. `close()` refuses new requests and lets those under way end.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const app = fastify({
    bodyLimit: options.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
    keepAliveTimeout: KEEP_ALIVE_MS,
    logger: false,
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    ...(options.tls === undefined ? {} : { https: options.tls }),
  }) as HttpServer;
  measure(app, options.registry);
  answerErrors(app, options.log, options.formatError ?? ourErrorBody);
  app.get('/livez', () => ({ status: 'live' }));
  app.get('/readyz', (_request, reply) => {
    const reason = options.unreadyReason?.();
    if (reason === undefined) return { status: 'ready' };
    return reply.code(503).send({ status: 'not ready', reason });
  });
  app.get('/metrics', async (_request, reply) => {
    reply.type(options.registry.contentType);
    return options.registry.metrics();
  });
  return app;
}

function measure(app: HttpServer, registry: Registry): void {
  const name = 'mlsched_http_request_duration_seconds';
  // Two servers of one service, such as one for probes, share the metric.
  const known = registry.getSingleMetric(name) as Histogram | undefined;
  const duration =
    known ??
    new Histogram({
      name,
      help: 'Time from the first byte of a request to the last of its answer, by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: LATENCY_BUCKETS_SECONDS,
      registers: [registry],
    });
  app.addHook('onResponse', (request, reply, done) => {
    // The pattern of the route, never the path: paths have no bound.
    const route = request.routeOptions.url ?? 'unknown';
    duration.observe(
      { method: request.method, route, status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    );
    done();
  });
}

function answerErrors(app: HttpServer, log: Log, format: (error: ErrorBody) => object): void {
  const body = (code: string, message: string, hint?: string): object => format({ code, message, hint });
  app.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .send(body('MLS_HTTP_NO_ROUTE', `there is no ${request.method} ${request.url.slice(0, 200)}`)),
  );
  app.setErrorHandler((error, request, reply) => {
    if (isMlschedError(error)) {
      return reply.code(STATUS_OF[error.kind]).send(body(error.code, error.message, error.hint));
    }
    const status = statusOf(error);
    if (status < 500) return reply.code(status).send(body('MLS_HTTP_BAD_REQUEST', messageOf(error)));
    // What broke is for the log; a caller learns no internals.
    log.error('a request failed', { route: request.routeOptions.url, cause: messageOf(error) });
    return reply
      .code(status)
      .send(body('MLS_HTTP_INTERNAL', 'the request failed; the log of the service says why'));
  });
}

function statusOf(error: unknown): number {
  const status = (error as { statusCode?: unknown }).statusCode;
  return typeof status === 'number' && status >= 400 ? status : 500;
}

function ourErrorBody({ code, message, hint }: ErrorBody): object {
  return { error: { code, message, ...(hint === undefined ? {} : { hint }) } };
}

/**
 * Starts listening.
 *
 * @param port - 0 picks a free one.
 * @returns The port that is listened on.
 * @throws MlschedError `MLS_HTTP_LISTEN` when the address is taken or not ours.
 */
export async function listen(app: HttpServer, host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw listenFailed(host, port, error);
  }
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
