import { MlschedError, messageOf } from '#kernel/errors';
import { formatBytes } from '#kernel/units';

/** What was asked, for messages; the address carries no credentials. */
interface Where {
  readonly service: string;
  readonly url: string;
}

/** Nobody answers there, or the connection broke, or its certificate is not trusted. */
export function unreachable({ service, url }: Where, cause: unknown): MlschedError {
  return new MlschedError('MLS_HTTP_UNREACHABLE', `${service} at ${url}: ${messageOf(cause)}`, {
    kind: 'unavailable',
    hint: 'Check that it runs, that the address is right and that its certificate comes from the given authority.',
    details: { service, url },
    cause,
  });
}

export function timedOut({ service, url }: Where, seconds: number): MlschedError {
  return new MlschedError('MLS_HTTP_TIMEOUT', `${service} at ${url} did not answer within ${seconds} s`, {
    kind: 'timeout',
    hint: 'See whether the server is overloaded, or raise the timeout.',
    details: { service, url, seconds },
  });
}

export function answerTooLarge({ service, url }: Where, limitBytes: number): MlschedError {
  return new MlschedError(
    'MLS_HTTP_TOO_LARGE',
    `the answer of ${service} at ${url} is longer than ${formatBytes(limitBytes)}`,
    { kind: 'invalid-input', hint: 'Ask for less at once.', details: { service, url, limitBytes } },
  );
}

/** A certificate, key or token file cannot be read. */
export function credentialsUnreadable(service: string, path: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_HTTP_CREDENTIALS', `${path} for ${service}: ${messageOf(cause)}`, {
    kind: 'invalid-input',
    hint: 'Check the path and that the user that runs mlsched may read it.',
    details: { service, file: path },
    cause,
  });
}

/** The server answered and said no. */
export function refused({ service, url }: Where, status: number, answer: string): MlschedError {
  const { code, kind, hint } = refusalOf(status);
  return new MlschedError(code, `${service} at ${url} answered ${status}: ${answer.trim().slice(0, 300)}`, {
    kind,
    hint,
    details: { service, url, status, answer: answer.slice(0, 2000) },
  });
}

function refusalOf(status: number): { code: string; kind: MlschedError['kind']; hint: string } {
  if (status === 401 || status === 403)
    return { code: 'MLS_HTTP_UNAUTHORISED', kind: 'invalid-input', hint: 'Check the token or its file.' };
  if (status === 404)
    return { code: 'MLS_HTTP_NOT_FOUND', kind: 'not-found', hint: 'Check the name and the path prefix.' };
  if (status === 409)
    return { code: 'MLS_HTTP_CONFLICT', kind: 'conflict', hint: 'Read it again, then repeat the change.' };
  if (status === 429 || status === 502 || status === 503 || status === 504)
    return { code: 'MLS_HTTP_BUSY', kind: 'unavailable', hint: 'Wait, then run again.' };
  const kind = status >= 500 ? 'unavailable' : 'invalid-input';
  return { code: 'MLS_HTTP_REFUSED', kind, hint: "Read the answer above; it is the server's." };
}
