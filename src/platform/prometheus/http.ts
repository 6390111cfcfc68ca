import { setTimeout as sleep } from 'node:timers/promises';
import { isMlschedError } from '#kernel/errors';
import { SECOND_MS } from '#kernel/units';
import { refused, timedOut, unreachable } from './errors.ts';
import type { PrometheusOptions } from './types.ts';

const DEFAULT_TIMEOUT_SECONDS = 120;
const DEFAULT_ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;

/**
 * Posts a request and hands over the answer's body; tries again, with growing waits, while the server is busy
 * or cannot be reached.
 *
 * @throws MlschedError `MLS_PROMETHEUS_UNREACHABLE`, `_TIMEOUT`, `_UNAUTHORISED`, `_UNSUPPORTED`, `_TOO_LARGE`,
 *   `_BUSY`, `_REFUSED`.
 */
export async function post(
  options: PrometheusOptions,
  path: string,
  request: { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array | string },
): Promise<Response> {
  const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await postOnce(options, path, request);
    } catch (error) {
      const isPassing = isMlschedError(error) && error.kind === 'unavailable';
      if (!isPassing || attempt >= attempts) throw error;
      await sleep(FIRST_WAIT_MS * 2 ** (attempt - 1));
    }
  }
}

async function postOnce(
  options: PrometheusOptions,
  path: string,
  request: { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array | string },
): Promise<Response> {
  const seconds = options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  const { url, authorization } = splitCredentials(options, path);
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization }) },
      body: request.body,
      signal: AbortSignal.timeout(seconds * SECOND_MS),
    });
  } catch (error) {
    throw translateFetch(options, error);
  }
  if (response.ok) return response;
  throw refused(url, response.status, await response.text().catch(() => ''));
}

/** `fetch` refuses an address with a password in it, and would quote it in the error. */
function splitCredentials(
  options: PrometheusOptions,
  path: string,
): { url: string; authorization: string | undefined } {
  const address = new URL(options.url);
  const { username, password } = address;
  address.username = '';
  address.password = '';
  const url = `${address.href.replace(/\/$/, '')}${path}`;
  if (options.bearerToken !== undefined) return { url, authorization: `Bearer ${options.bearerToken}` };
  if (username === '') return { url, authorization: undefined };
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** What `fetch` or reading a body throws, as one of our errors. */
export function translateFetch(options: PrometheusOptions, error: unknown): Error {
  if (isMlschedError(error)) return error;
  if (error instanceof Error && error.name === 'TimeoutError') {
    return timedOut(options.url, options.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS);
  }
  return unreachable(options.url, error);
}
