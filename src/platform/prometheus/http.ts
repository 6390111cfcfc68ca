import { setTimeout as sleep } from 'node:timers/promises';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isMlschedError } from '#kernel/errors';
import { SECOND_MS } from '#kernel/units';
import { createConnector } from './connector.ts';
import type { Connector } from './connector.ts';
import { refused, timedOut, unreachable } from './errors.ts';
import type { PrometheusOptions } from './types.ts';

const DEFAULT_TIMEOUT_SECONDS = 120;
const DEFAULT_ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;
/** A server may ask for hours; a caller would rather be told. */
const LONGEST_WAIT_MS = 30 * SECOND_MS;

interface PostRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

interface PostAnswer {
  readonly headers: IncomingHttpHeaders;
  /** Throws our errors when the answer breaks off or takes too long. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Sends requests to one server. */
export interface Transport {
  /**
   * Posts a request and hands over the answer; tries again, with growing waits or as long as the server asks, while
   * it is busy or cannot be reached.
   *
   * @throws MlschedError `MLS_PROMETHEUS_UNREACHABLE`, `_TLS`, `_CREDENTIALS`, `_TIMEOUT`, `_UNAUTHORISED`,
   *   `_UNSUPPORTED`, `_TOO_LARGE`, `_BUSY`, `_REFUSED`.
   */
  post(path: string, request: PostRequest): Promise<PostAnswer>;
  clockSkewMs(): number | undefined;
}

export function createTransport(options: PrometheusOptions): Transport {
  const connector = createConnector(options);
  const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
  let skewMs: number | undefined;
  const postOnce = async (path: string, request: PostRequest): Promise<PostAnswer> => {
    const response = await send(options, connector, { path, request });
    skewMs = skewOf(response.headers.date) ?? skewMs;
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300)
      return { headers: response.headers, body: guardBody(options, response) };
    throw refused(options.url, {
      status,
      body: await readText(response),
      retryAfterMs: retryAfterOf(response.headers['retry-after']),
    });
  };
  return {
    clockSkewMs: () => skewMs,
    async post(path, request) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await postOnce(path, request);
        } catch (error) {
          const isPassing = isMlschedError(error) && error.kind === 'unavailable';
          if (!isPassing || attempt >= attempts) throw error;
          await sleep(waitOf(error.details['retryAfterMs'], attempt));
        }
      }
    },
  };
}

function waitOf(asked: unknown, attempt: number): number {
  const own = FIRST_WAIT_MS * 2 ** (attempt - 1);
  return Math.min(Math.max(own, typeof asked === 'number' ? asked : 0), LONGEST_WAIT_MS);
}

async function send(
  options: PrometheusOptions,
  connector: Connector,
  { path, request }: { readonly path: string; readonly request: PostRequest },
): Promise<IncomingMessage> {
  const seconds = options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  const connection = await connector.connect(path);
  return new Promise((resolve, reject) => {
    const deadline = new Error('deadline');
    deadline.name = 'TimeoutError';
    const outgoing = connection.request(
      {
        method: 'POST',
        headers: {
          ...request.headers,
          ...connection.headers,
          'content-length': Buffer.byteLength(request.body),
        },
      },
      (response) => {
        clearTimeout(timer);
        // Until the last byte, not only until the first.
        timer = setTimeout(() => response.destroy(deadline), seconds * SECOND_MS);
        response.once('close', () => clearTimeout(timer));
        resolve(response);
      },
    );
    let timer = setTimeout(() => outgoing.destroy(deadline), seconds * SECOND_MS);
    outgoing.once('error', (error) => {
      clearTimeout(timer);
      reject(translateTransport(options, error));
    });
    outgoing.end(request.body);
  });
}

async function* guardBody(options: PrometheusOptions, response: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of unpack(response)) yield piece as Uint8Array;
  } catch (error) {
    throw translateTransport(options, error);
  }
}

function unpack(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response;
  // The callback only keeps a failure from being unhandled: the reader of the result is told of it.
  return pipeline(response, createGunzip(), () => undefined);
}

const MAX_REFUSAL_BYTES = 4096;

async function readText(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of unpack(response)) {
      parts.push(part as Buffer);
      bytes += (part as Buffer).length;
      if (bytes > MAX_REFUSAL_BYTES) break;
    }
  } catch {
    // The status alone has to do.
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Seconds or a date, as HTTP allows both. */
function retryAfterOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * SECOND_MS);
  const untilMs = Date.parse(header) - Date.now();
  return Number.isNaN(untilMs) ? undefined : Math.max(0, untilMs);
}

function skewOf(date: string | undefined): number | undefined {
  // The date is cut to whole seconds: half a second is the best guess of what was cut.
  const skewMs = Date.parse(date ?? '') + SECOND_MS / 2 - Date.now();
  return Number.isNaN(skewMs) ? undefined : skewMs;
}

/** What a request or reading its answer throws, as one of our errors. */
function translateTransport(options: PrometheusOptions, error: unknown): Error {
  if (isMlschedError(error)) return error;
  if (error instanceof Error && error.name === 'TimeoutError') {
    return timedOut(options.url, options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS);
  }
  return unreachable(options.url, error);
}
