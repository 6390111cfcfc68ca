import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { MINUTE_MS } from '#kernel/units';
import { badAddress, credentialsUnreadable } from './errors.ts';
import type { PrometheusOptions } from './types.ts';

/** A request that only lacks its method, headers and body. */
interface Connection {
  readonly headers: Readonly<Record<string, string>>;
  request(
    options: http.RequestOptions,
    onResponse: (response: http.IncomingMessage) => void,
  ): http.ClientRequest;
}

export interface Connector {
  connect(path: string): Promise<Connection>;
}

/** Certificates are renewed on disk while we run. */
const CERTIFICATE_TTL_MS = MINUTE_MS;

/**
 * Addresses, credentials and connections of one server.
 *
 * @remarks Not `#platform/http-client`: that hands over whole answers, and a month of history must be streamed.
 */
export function createConnector(options: PrometheusOptions): Connector {
  const address = parseAddress(options.url);
  const isSecure = address.protocol === 'https:';
  const plainAgent = new http.Agent({ keepAlive: true });
  let secureAgent: { readonly agent: https.Agent; readonly sinceMs: number } | undefined;
  const obtainSecureAgent = async (): Promise<https.Agent> => {
    if (secureAgent !== undefined && Date.now() - secureAgent.sinceMs < CERTIFICATE_TTL_MS) {
      return secureAgent.agent;
    }
    const agent = new https.Agent({ keepAlive: true, ...(await readCertificates(options)) });
    secureAgent?.agent.destroy();
    secureAgent = { agent, sinceMs: Date.now() };
    return agent;
  };
  return {
    async connect(path) {
      const authorization = await authorizationOf(options, address);
      const agent = isSecure ? await obtainSecureAgent() : plainAgent;
      const url = new URL(`${address.origin}${address.pathname.replace(/\/$/, '')}${path}`);
      return {
        headers: authorization === undefined ? {} : { authorization },
        request: (more, onResponse) => (isSecure ? https : http).request(url, { ...more, agent }, onResponse),
      };
    },
  };
}

function parseAddress(url: string): URL {
  if (!URL.canParse(url)) throw badAddress(url);
  const address = new URL(url);
  if (address.protocol !== 'http:' && address.protocol !== 'https:') throw badAddress(url);
  return address;
}

async function authorizationOf(
  { bearerToken, tokenFile }: PrometheusOptions,
  { username, password }: URL,
): Promise<string | undefined> {
  if (tokenFile !== undefined) return `Bearer ${(await readSecret(tokenFile, 'token file')).trim()}`;
  if (bearerToken !== undefined) return `Bearer ${bearerToken}`;
  if (username === '') return undefined;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

async function readCertificates({
  caFile,
  certificateFile,
  keyFile,
}: PrometheusOptions): Promise<https.AgentOptions> {
  return {
    ...(caFile === undefined ? {} : { ca: await readSecret(caFile, 'CA file') }),
    ...(certificateFile === undefined ? {} : { cert: await readSecret(certificateFile, 'certificate file') }),
    ...(keyFile === undefined ? {} : { key: await readSecret(keyFile, 'key file') }),
  };
}

async function readSecret(path: string, what: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw credentialsUnreadable(what, path, error);
  }
  if (text.trim() === '') throw credentialsUnreadable(what, path, new Error('it is empty'));
  return text;
}
