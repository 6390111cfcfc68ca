import { MlschedError, messageOf } from '#kernel/errors';

/** The address without credentials, for messages. */
function printableUrl(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  parsed.search = '';
  return parsed.href.replace(/\/$/, '');
}

export function unreachable(url: string, cause: unknown): MlschedError {
  const reason =
    cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause);
  return new MlschedError('MLS_PROMETHEUS_UNREACHABLE', `Prometheus at ${printableUrl(url)}: ${reason}`, {
    kind: 'unavailable',
    hint: 'Check that it runs, that the address and port are right and that its certificate is trusted.',
    details: { url: printableUrl(url) },
    cause,
  });
}

export function timedOut(url: string, seconds: number): MlschedError {
  return new MlschedError(
    'MLS_PROMETHEUS_TIMEOUT',
    `Prometheus at ${printableUrl(url)} did not finish within ${seconds} s`,
    {
      kind: 'timeout',
      hint: 'Ask for a shorter span or raise the timeout.',
      details: { url: printableUrl(url) },
    },
  );
}

/** The server answered and said no. */
export function refused(url: string, status: number, body: string): MlschedError {
  const { code, kind, hint } = refusalOf(status);
  return new MlschedError(
    code,
    `Prometheus at ${printableUrl(url)} answered ${status}: ${body.trim().slice(0, 200)}`,
    {
      kind,
      hint,
      details: { url: printableUrl(url), status },
    },
  );
}

function refusalOf(status: number): { code: string; kind: MlschedError['kind']; hint: string } {
  if (status === 401 || status === 403) {
    return {
      code: 'MLS_PROMETHEUS_UNAUTHORISED',
      kind: 'invalid-input',
      hint: 'Check the token or its file.',
    };
  }
  if (status === 413 || status === 422) {
    return {
      code: 'MLS_PROMETHEUS_TOO_LARGE',
      kind: 'invalid-input',
      hint: 'Ask for fewer series or a shorter window, or raise the sample limits of the server.',
    };
  }
  if (status === 404 || status === 405 || status === 501) {
    return {
      code: 'MLS_PROMETHEUS_UNSUPPORTED',
      kind: 'not-found',
      hint: 'The server lacks this endpoint; check the address and its path prefix.',
    };
  }
  return isBusy(status)
    ? {
        code: 'MLS_PROMETHEUS_BUSY',
        kind: 'unavailable',
        hint: 'Wait, then run again: finished days are kept.',
      }
    : {
        code: 'MLS_PROMETHEUS_REFUSED',
        kind: 'invalid-input',
        hint: "Read the answer above; it is the server's.",
      };
}

/** Worth another try. */
function isBusy(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

export function brokenStream(url: string, what: string): MlschedError {
  return new MlschedError(
    'MLS_PROMETHEUS_BROKEN_STREAM',
    `answer of ${printableUrl(url)} is damaged: ${what}`,
    {
      kind: 'unavailable',
      hint: 'Run again; if it stays, look for a proxy that cuts or rewrites long answers.',
      details: { url: printableUrl(url) },
    },
  );
}

export function unsupportedChunk(url: string, metric: string, encoding: number): MlschedError {
  return new MlschedError(
    'MLS_PROMETHEUS_UNSUPPORTED_CHUNK',
    `${metric} at ${printableUrl(url)} is stored in encoding ${encoding}, we read plain numbers only`,
    {
      kind: 'invalid-input',
      hint: 'It is a native histogram: select another metric.',
      details: { url: printableUrl(url), metric, encoding },
    },
  );
}
