import { readFileSync } from 'node:fs';
import { createClient, ErrorReply, RESP_TYPES } from 'redis';
import { isMlschedError } from '#kernel/errors';
import {
  addressInvalid,
  credentialsUnreadable,
  refused,
  timedOut,
  unauthorised,
  unreachable,
} from './errors.ts';

export interface RedisOptions {
  /** `redis://host:port[/database]`, or `rediss://` for TLS with a verified certificate. */
  readonly url: string;
  readonly username?: string;
  /** File that holds the password; read again at each new connection, so that it can be renewed. */
  readonly passwordFile?: string;
  /** PEM file of the authorities that the server's certificate must come from; default: those of the system. */
  readonly caFile?: string;
  /** PEM files of our own certificate, for servers that ask for one. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** Of one piece of work, its reconnection included; default 1,000. */
  readonly timeoutMs?: number;
}

/** Commands of Redis with replies as bytes. */
export type RedisCommands = ReturnType<typeof createBytesClient>;

/** One connection, opened when it is first needed and again after it broke. */
export interface RedisConnection {
  /**
   * Runs some commands within the deadline. Nothing is queued while the server is away: the call fails at once, so that
   * a circuit breaker sees each failure. A connection that missed a deadline is dropped, with all that waits on it.
   *
   * @throws MlschedError `MLS_REDIS_UNREACHABLE`, `_TIMEOUT`, `_UNAUTHORISED`, `_REFUSED`, `_CREDENTIALS`.
   */
  run<T>(work: (commands: RedisCommands) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 1000;
const BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer } as const;

/**
 * Prepares a connection; nothing is sent yet (the official client, `redis`).
 *
 * @throws MlschedError `MLS_REDIS_ADDRESS`.
 */
export function createRedisConnection(options: RedisOptions): RedisConnection {
  checkAddress(options.url);
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let current: Promise<RedisCommands> | undefined;
  const drop = (connecting: Promise<RedisCommands>): void => {
    if (current === connecting) current = undefined;
    void connecting.then((client) => client.destroy()).catch(() => undefined);
  };
  return {
    async run(work) {
      const connecting = (current ??= connect(options, timeoutMs));
      try {
        return await withDeadline(
          connecting.then((client) => work(client)),
          () => timedOut(options.url, timeoutMs),
          timeoutMs,
        );
      } catch (error) {
        const described = describeFault(options.url, error);
        // After a refusal the connection is as good as before.
        if (!isMlschedError(described) || described.code !== 'MLS_REDIS_REFUSED') drop(connecting);
        throw described;
      }
    },
    async close() {
      const connecting = current;
      current = undefined;
      const client = await connecting?.catch(() => undefined);
      if (client?.isOpen === true) await client.close().catch(() => client.destroy());
    },
  };
}

function checkAddress(url: string): void {
  try {
    const { protocol } = new URL(url);
    if (protocol !== 'redis:' && protocol !== 'rediss:') throw new TypeError(`it begins with ${protocol}//`);
  } catch (error) {
    throw addressInvalid(error);
  }
}

async function connect(options: RedisOptions, timeoutMs: number): Promise<RedisCommands> {
  const client = createBytesClient(options, timeoutMs);
  // Each failure reaches its caller by the promise; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    if (client.isOpen) client.destroy();
    throw error;
  }
}

function createBytesClient(options: RedisOptions, timeoutMs: number) {
  const isTls = options.url.startsWith('rediss:');
  const socket = { connectTimeout: timeoutMs, reconnectStrategy: false as const };
  return createClient({
    url: options.url,
    RESP: 2,
    disableOfflineQueue: true,
    // The client's own deadline makes an abort signal for each command; ours is one timer for all of them.
    commandOptions: { timeout: 0 },
    socket: isTls ? { ...socket, tls: true as const, ...tlsFiles(options) } : socket,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.passwordFile === undefined
      ? {}
      : { password: readSecret(options.passwordFile).toString('utf8').trim() }),
  }).withTypeMapping(BYTES);
}

function tlsFiles({ caFile, certificateFile, keyFile }: RedisOptions): object {
  return {
    ...(caFile === undefined ? {} : { ca: readSecret(caFile) }),
    ...(certificateFile === undefined ? {} : { cert: readSecret(certificateFile) }),
    ...(keyFile === undefined ? {} : { key: readSecret(keyFile) }),
  };
}

function readSecret(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw credentialsUnreadable(path, error);
  }
}

async function withDeadline<T>(work: Promise<T>, late: () => Error, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}

function describeFault(url: string, error: unknown): Error {
  if (isMlschedError(error)) return error;
  if (!(error instanceof ErrorReply)) return unreachable(url, error);
  return /^(WRONGPASS|NOAUTH|NOPERM|ERR AUTH)/.test(error.message)
    ? unauthorised(url, error)
    : refused(url, error);
}
