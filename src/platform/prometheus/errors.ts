import { MlschedError, messageOf } from '#kernel/errors';

/** The address without credentials, for messages. */
function printableUrl(url: string): string {
  if (!URL.canParse(url)) return url.replace(/\/\/[^@/]*@/, '//');
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  parsed.search = '';
  return parsed.href.replace(/\/$/, '');
}

/** What Node says when a certificate is not trusted, or the two ends cannot agree. */
const TLS_CODE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|UNABLE_TO|SELF_SIGNED|ERR_OSSL|EPROTO)/;

export function unreachable(url: string, cause: unknown): MlschedError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (TLS_CODE.test(code)) return untrusted(url, cause);
  return new MlschedError(
    'MLS_PROMETHEUS_UNREACHABLE',
    `Prometheus at ${printableUrl(url)}: ${reasonOf(cause)}`,
    {
      kind: 'unavailable',
      hint: 'Check that it runs and that the address and port are right.',
      details: { url: printableUrl(url) },
      cause,
    },
  );
}

/** An attempt on several addresses of one name fails with an empty message and the causes inside. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join('; ');
  return messageOf(cause);
}

function untrusted(url: string, cause: unknown): MlschedError {
  return new MlschedError(
    'MLS_PROMETHEUS_TLS',
    `no trusted connection to ${printableUrl(url)}: ${messageOf(cause)}`,
    {
      kind: 'invalid-input',
      hint: 'Give the authority that signed its certificate with --ca-file, and --cert-file with --key-file where the server asks who we are.',
      details: { url: printableUrl(url) },
      cause,
    },
  );
}

export function badAddress(url: string): MlschedError {
  return new MlschedError(
    'MLS_PROMETHEUS_BAD_ADDRESS',
    `${printableUrl(url)} is no address of a Prometheus`,
    {
      kind: 'invalid-input',
      hint: 'Give it with its scheme, such as http://prometheus.monitoring:9090.',
      details: { url: printableUrl(url) },
    },
  );
}

export function credentialsUnreadable(what: string, path: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_PROMETHEUS_CREDENTIALS', `${what} ${path}: ${messageOf(cause)}`, {
    kind: 'invalid-input',
    hint: 'Check the path and that the user that runs mlsched may read it.',
    details: { file: path },
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

/** An answer that is no answer. */
export interface Refusal {
  readonly status: number;
  readonly body: string;
  /** How long the server asks us to wait. */
  readonly retryAfterMs: number | undefined;
}

/** The server answered and said no. */
export function refused(url: string, { status, body, retryAfterMs }: Refusal): MlschedError {
  const { code, kind, hint } = isQueryTimeout(status, body) ? TOO_LARGE : refusalOf(status);
  return new MlschedError(
    code,
    `Prometheus at ${printableUrl(url)} answered ${status}: ${body.trim().slice(0, 200)}`,
    {
      kind,
      hint,
      details: {
        url: printableUrl(url),
        status,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      },
    },
  );
}

/** Prometheus gives up on a query that takes too long by 503, which a shorter one cures and waiting does not. */
function isQueryTimeout(status: number, body: string): boolean {
  return status === 503 && /"errorType":\s*"timeout"/.test(body);
}

interface RefusalKind {
  readonly code: string;
  readonly kind: MlschedError['kind'];
  readonly hint: string;
}

const TOO_LARGE: RefusalKind = {
  code: 'MLS_PROMETHEUS_TOO_LARGE',
  kind: 'invalid-input',
  hint: 'Even a short window is too much for the limits of the server: raise --query.max-samples or --query.timeout there.',
};

function refusalOf(status: number): RefusalKind {
  if (status === 401 || status === 403) {
    return {
      code: 'MLS_PROMETHEUS_UNAUTHORISED',
      kind: 'invalid-input',
      hint: 'Check the token or its file.',
    };
  }
  if (status === 413 || status === 422) return TOO_LARGE;
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
