import { MlschedError, messageOf } from '#kernel/errors';

/** An address without its credentials, for messages. */
function printable(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href.replace(/\/$/, '');
}

export function addressInvalid(cause: unknown): MlschedError {
  // The address may hold a password: it is not repeated.
  return new MlschedError('MLS_REDIS_ADDRESS', `the address of Redis is not valid: ${messageOf(cause)}`, {
    kind: 'invalid-input',
    hint: 'Give redis://host:port[/database], or rediss:// for TLS.',
  });
}

export function unreachable(url: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_REDIS_UNREACHABLE', `Redis at ${printable(url)}: ${messageOf(cause)}`, {
    kind: 'unavailable',
    hint: 'Check that it runs, that address and port are right and, with rediss://, that its certificate comes from the given authority.',
    details: { url: printable(url) },
    cause,
  });
}

export function timedOut(url: string, timeoutMs: number): MlschedError {
  return new MlschedError(
    'MLS_REDIS_TIMEOUT',
    `Redis at ${printable(url)} did not answer within ${timeoutMs} ms`,
    {
      kind: 'timeout',
      hint: 'See whether the server is overloaded or swaps; ask for fewer rows at once, or raise the timeout.',
      details: { url: printable(url), timeoutMs },
    },
  );
}

export function unauthorised(url: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_REDIS_UNAUTHORISED', `Redis at ${printable(url)}: ${messageOf(cause)}`, {
    kind: 'invalid-input',
    hint: 'Check user name and password file, and that the user may run HMGET, HSET and EXPIRE on the keys of the store.',
    details: { url: printable(url) },
    cause,
  });
}

/** The server answers but will not do it now: it loads its data, is out of memory, or is a replica. */
export function refused(url: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_REDIS_REFUSED', `Redis at ${printable(url)}: ${messageOf(cause)}`, {
    kind: 'unavailable',
    hint: "Read the answer above; it is the server's.",
    details: { url: printable(url) },
    cause,
  });
}

export function credentialsUnreadable(path: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_REDIS_CREDENTIALS', `cannot read ${path} for Redis: ${messageOf(cause)}`, {
    kind: 'invalid-input',
    hint: 'Check the path and that this user may read the file.',
    details: { path },
    cause,
  });
}
