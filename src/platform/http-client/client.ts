import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { isMlschedError } from '#kernel/errors';
import { MIB, SECOND_MS } from '#kernel/units';
import { answerTooLarge, credentialsUnreadable, refused, timedOut, unreachable } from './errors.ts';

export interface HttpClientOptions {
  /** What is talked to, for messages: `MLflow`. */
  readonly service: string;
  /** Address with its path prefix, if any. A password in it is sent as basic authentication and never shown. */
  readonly baseUrl: string;
  /** Bearer token; a file is better where there is one. */
  readonly token?: string;
  /** File that holds a bearer token; read again for each request, so that it can be renewed. */
  readonly tokenFile?: string;
  /** PEM file of the authorities that the server's certificate must come from; default: those of the system. */
  readonly caFile?: string;
  /** PEM files of our own certificate, for servers that ask for one. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** Of one attempt; default 30. */
  readonly timeoutSeconds?: number;
  /** Tries in all while the server is busy or cannot be reached; default 4. */
  readonly attempts?: number;
  /** A longer answer is refused; default 256 MiB. */
  readonly answerLimitBytes?: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Behind the base address, with its leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: object | string | Uint8Array;
  /** False: a request that may have been carried out is not sent a second time. Default: true for all but POST. */
  readonly isRepeatable?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  json(): unknown;
}

/** Talks to one server. */
export interface HttpClient {
  /**
   * @throws MlschedError `MLS_HTTP_UNREACHABLE`, `_TIMEOUT`, `_UNAUTHORISED`, `_NOT_FOUND`, `_CONFLICT`, `_BUSY`, `_REFUSED`,
   *   `_TOO_LARGE`; `details.status` and `details.answer` tell what the server said.
   */
  send(wanted: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_SECONDS = 30;
const DEFAULT_ATTEMPTS = 4;
const DEFAULT_ANSWER_LIMIT_BYTES = 256 * MIB;
const FIRST_WAIT_MS = 200;

/**
 * Creates a client with what every server of ours needs: TLS that is verified, renewed tokens, deadlines, a bounded
 * answer, and new tries with growing, jittered waits.
 *
 * @remarks undici, the HTTP client behind Node's own `fetch`: `fetch` alone cannot be given an authority.
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const agent = new Agent({ connect: tlsOptions(options), keepAliveTimeout: 4 * SECOND_MS });
  const target = splitAddress(options.baseUrl);
  return {
    send: (wanted) => sendWithRetries(options, { agent, target }, wanted),
    close: () => agent.close(),
  };
}

interface Connection {
  readonly agent: Agent;
  readonly target: { readonly base: string; readonly authorization: string | undefined };
}

function tlsOptions(options: HttpClientOptions): object {
  const read = (path: string | undefined): Buffer | undefined =>
    path === undefined ? undefined : readSecret(options, path);
  const ca = read(options.caFile);
  const cert = read(options.certificateFile);
  const key = read(options.keyFile);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function readSecret({ service }: HttpClientOptions, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw credentialsUnreadable(service, path, error);
  }
}

function splitAddress(baseUrl: string): Connection['target'] {
  const address = new URL(baseUrl);
  const { username, password } = address;
  address.username = '';
  address.password = '';
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    base: address.href.replace(/\/$/, ''),
    authorization: username === '' ? undefined : `Basic ${Buffer.from(pair).toString('base64')}`,
  };
}

async function sendWithRetries(
  options: HttpClientOptions,
  connection: Connection,
  wanted: HttpRequest,
): Promise<HttpAnswer> {
  const isRepeatable = wanted.isRepeatable ?? wanted.method !== 'POST';
  const attempts = isRepeatable ? (options.attempts ?? DEFAULT_ATTEMPTS) : 1;
  for (let attempt = 1; ; attempt++) {
    try {
      return await sendOnce(options, connection, wanted);
    } catch (error) {
      const isPassing = isMlschedError(error) && error.kind === 'unavailable';
      if (!isPassing || attempt >= attempts) throw error;
      // Jitter: clients that were refused together must not come back together.
      await sleep(FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }
}

async function sendOnce(
  options: HttpClientOptions,
  { agent, target }: Connection,
  wanted: HttpRequest,
): Promise<HttpAnswer> {
  const timeoutSeconds = options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  const where = { service: options.service, url: `${target.base}${wanted.path}` };
  let answer: Dispatcher.ResponseData;
  let body: Buffer;
  try {
    answer = await request(where.url, {
      dispatcher: agent,
      method: wanted.method,
      query: { ...wanted.query },
      headers: headersOf(options, target, wanted),
      body: encodeBody(wanted.body),
      signal: AbortSignal.timeout(timeoutSeconds * SECOND_MS),
    });
    body = await readBounded(answer, options.answerLimitBytes ?? DEFAULT_ANSWER_LIMIT_BYTES, where);
  } catch (error) {
    if (isMlschedError(error)) throw error;
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    throw isLate ? timedOut(where, timeoutSeconds) : unreachable(where, error);
  }
  const { statusCode: status, headers } = answer;
  if (status >= 400) throw refused(where, status, body.toString('utf8'));
  return { status, headers, body, json: () => JSON.parse(body.toString('utf8')) as unknown };
}

function headersOf(
  options: HttpClientOptions,
  { authorization }: Connection['target'],
  { body, headers }: HttpRequest,
): Record<string, string> {
  const isJson = typeof body === 'object' && !(body instanceof Uint8Array);
  const token =
    options.tokenFile === undefined
      ? options.token
      : readSecret(options, options.tokenFile).toString('utf8').trim();
  const credentials = token === undefined ? authorization : `Bearer ${token}`;
  return {
    ...(isJson ? { 'content-type': 'application/json' } : {}),
    ...(credentials === undefined ? {} : { authorization: credentials }),
    ...headers,
  };
}

function encodeBody(body: HttpRequest['body']): string | Uint8Array | null {
  if (body === undefined) return null;
  return typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
}

async function readBounded(
  answer: Dispatcher.ResponseData,
  limitBytes: number,
  where: { readonly service: string; readonly url: string },
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer.body) {
    size += (part as Buffer).length;
    if (size > limitBytes) throw answerTooLarge(where, limitBytes);
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}
