import { readFile, stat } from 'node:fs/promises';
import type { Server, ServerOptions } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import type { HttpServer } from '#platform/http-server';

import type { ServiceConfig } from '../config.ts';
import { tlsInvalid } from '../errors.ts';

export type TlsConfig = NonNullable<ServiceConfig['tls']>;

/**
 * Reads certificate, key and the clients' authority, and checks that they belong together.
 *
 * @throws MlschedError `MLS_SCHEDULER_TLS` naming the file.
 */
export async function loadTls(config: TlsConfig): Promise<ServerOptions> {
  const read = (file: string): Promise<Buffer> =>
    readFile(file).catch((error: unknown) => {
      throw tlsInvalid(file, messageOf(error));
    });
  const [cert, key, ca] = await Promise.all([
    read(config.certificateFile),
    read(config.keyFile),
    read(config.clientCaFile),
  ]);
  try {
    createSecureContext({ cert, key, ca });
  } catch (error) {
    throw tlsInvalid(config.certificateFile, messageOf(error));
  }
  // Only the given authorities count: those of the system are not asked.
  return { cert, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' };
}

/** Lets in only callers whose verified certificate carries one of the names. */
export function requireClientName(app: HttpServer, allowed: readonly string[]): void {
  const names = new Set(allowed);
  app.addHook('onRequest', (request, reply, done) => {
    const found = clientNames(request.raw.socket as TLSSocket);
    if (found.some((name) => names.has(name))) return done();
    reply.code(403).send({
      error: {
        code: 'MLS_SCHEDULER_CLIENT',
        message: `the client certificate carries none of the allowed names, but ${found.join(', ') || 'none'}`,
        hint: 'Add the name to tls.allowedClientNames, or use the certificate of the scheduler.',
      },
    });
  });
}

/** `DNS:scheduler.local, URI:spiffe://x` as names; quoted forms, which only odd names need, match nothing. */
function clientNames(socket: TLSSocket): string[] {
  const { subjectaltname = '' } = socket.getPeerCertificate();
  return subjectaltname
    .split(', ')
    .filter((entry) => /^(?:DNS|URI|email):/.test(entry))
    .map((entry) => entry.slice(entry.indexOf(':') + 1));
}

/** Takes new certificates without a restart; connections that are open go on with the old ones. */
export interface TlsReloader {
  /** Looks at the files; a set that is not sound is refused and the old one stays. */
  check(): Promise<void>;
}

export async function createTlsReloader(app: HttpServer, config: TlsConfig, log: Log): Promise<TlsReloader> {
  const files = [config.certificateFile, config.keyFile, config.clientCaFile];
  const stamp = async (): Promise<string> =>
    (
      await Promise.all(files.map((file) => stat(file).then(({ mtimeMs, size }) => `${mtimeMs}/${size}`)))
    ).join();
  let seen = await stamp();
  return {
    async check() {
      try {
        const found = await stamp();
        if (found === seen) return;
        const options = await loadTls(config);
        (app.server as unknown as Server).setSecureContext(options);
        seen = found;
        log.success('new certificates are in use');
      } catch (error) {
        log.error('the certificates changed but cannot be used; the old ones stay', {
          cause: messageOf(error),
        });
      }
    },
  };
}
