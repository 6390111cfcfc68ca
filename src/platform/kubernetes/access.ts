import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { parseConfig } from '#kernel/config';
import { messageOf } from '#kernel/errors';
import { badAccess, noAccess } from './errors.ts';

/** What proves who we are and who the server is, as it stands in the files now. Secrets: never log them. */
export interface Credentials {
  /** PEM of the only authorities that are trusted; undefined = those of the system. */
  readonly ca: string | undefined;
  readonly token: string | undefined;
  /** PEM of a client certificate and its key. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

/** The way to one cluster. */
export interface ClusterAccess {
  /** Base address, such as `https://10.0.0.1:6443`. */
  readonly server: string;
  /** Where this was read from, for messages. */
  readonly source: string;
  readonly namespace: string;
  /** Name that the server's certificate must carry when it is not the address's. */
  readonly serverName: string | undefined;
  /**
   * Reads the credentials anew: tokens of service accounts are replaced about every hour, certificates too.
   *
   * @throws MlschedError `MLS_KUBERNETES_BAD_ACCESS` naming the file.
   */
  credentials(): Promise<Credentials>;
}

export interface OpenAccessOptions {
  /** Path of a kubeconfig; default: `KUBECONFIG`, else the pod's service account, else `~/.kube/config`. */
  readonly kubeconfig?: string;
  /** Context within it; default its current one. */
  readonly context?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Folder of the service account, for tests. */
  readonly serviceAccountFolder?: string;
}

const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Finds the way to the cluster, in the order of kubectl.
 *
 * @throws MlschedError `MLS_KUBERNETES_NO_ACCESS` when there is none, `MLS_KUBERNETES_BAD_ACCESS` when a file is
 *   unusable or asks for what is not supported: unverified TLS, plain HTTP beyond loopback, exec plugins.
 */
export async function openClusterAccess(options: OpenAccessOptions = {}): Promise<ClusterAccess> {
  const environment = options.environment ?? process.env;
  const named =
    options.kubeconfig === undefined ? splitPaths(environment['KUBECONFIG']) : [options.kubeconfig];
  if (named.length > 0) return kubeconfigAccess(named, options.context);
  const folder = options.serviceAccountFolder ?? SERVICE_ACCOUNT_FOLDER;
  const host = environment['KUBERNETES_SERVICE_HOST'];
  if (host !== undefined && existsSync(join(folder, 'token'))) {
    return inClusterAccess(folder, host, environment['KUBERNETES_SERVICE_PORT'] ?? '443');
  }
  const home = join(environment['HOME'] ?? homedir(), '.kube/config');
  if (existsSync(home)) return kubeconfigAccess([home], options.context);
  throw noAccess(`KUBECONFIG, ${folder} and ${home}`);
}

/** `KUBECONFIG` may list several files; entries of the first win. */
function splitPaths(list: string | undefined): string[] {
  return (list ?? '').split(delimiter).filter((path) => path !== '');
}

async function inClusterAccess(folder: string, host: string, port: string): Promise<ClusterAccess> {
  const read = (name: string): Promise<string> => readText('service account', join(folder, name));
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    source: 'service account',
    namespace: (await read('namespace').catch(() => 'default')).trim(),
    serverName: undefined,
    async credentials() {
      const [ca, token] = await Promise.all([read('ca.crt'), read('token')]);
      return { ca, token: token.trim(), certificate: undefined, key: undefined };
    },
  };
}

const Cluster = z.looseObject({
  server: z.string(),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.string().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': z.string().optional(),
  'proxy-url': z.string().optional(),
});
const User = z.looseObject({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.string().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.string().optional(),
  exec: z.unknown().optional(),
  'auth-provider': z.unknown().optional(),
  username: z.string().optional(),
});
const Context = z.looseObject({
  cluster: z.string(),
  user: z.string(),
  namespace: z.string().optional(),
});
const Kubeconfig = z.looseObject({
  'current-context': z.string().optional(),
  clusters: z.array(z.looseObject({ name: z.string(), cluster: Cluster })).nullish(),
  users: z.array(z.looseObject({ name: z.string(), user: User.nullish() })).nullish(),
  contexts: z.array(z.looseObject({ name: z.string(), context: Context })).nullish(),
});

type Cluster = z.infer<typeof Cluster>;
type User = z.infer<typeof User>;

/** An entry of a kubeconfig and the file it stands in, to which its relative paths belong. */
interface Entry<T> {
  readonly path: string;
  readonly value: T;
}

async function kubeconfigAccess(
  paths: readonly string[],
  wantedContext: string | undefined,
): Promise<ClusterAccess> {
  const source = `kubeconfig ${paths.join(delimiter)}`;
  const files = await Promise.all(paths.map(readKubeconfig));
  const contextName = wantedContext ?? files.map((file) => file.value['current-context']).find(Boolean);
  if (contextName === undefined)
    throw badAccess(source, 'no context is current', 'Choose one with --context.');
  const find = <T>(
    pick: (file: (typeof files)[number]['value']) => T | undefined,
    what: string,
  ): Entry<T> => {
    for (const { path, value } of files) {
      const found = pick(value);
      if (found !== undefined) return { path, value: found };
    }
    throw badAccess(source, `${what} is not there`, 'List what is there with: kubectl config view');
  };
  const context = find(
    (file) => file.contexts?.find(({ name }) => name === contextName)?.context,
    `context ${contextName}`,
  ).value;
  const cluster = find(
    (file) => file.clusters?.find(({ name }) => name === context.cluster)?.cluster,
    `cluster ${context.cluster}`,
  );
  const user = find(
    (file) => file.users?.find(({ name }) => name === context.user)?.user ?? undefined,
    `user ${context.user}`,
  );
  checkCluster(source, cluster.value);
  checkUser(source, user.value);
  return {
    server: cluster.value.server.replace(/\/$/, ''),
    source,
    namespace: context.namespace ?? 'default',
    serverName: cluster.value['tls-server-name'],
    credentials: () => kubeconfigCredentials(source, cluster, user),
  };
}

async function readKubeconfig(path: string): Promise<Entry<z.infer<typeof Kubeconfig>>> {
  const source = `kubeconfig ${path}`;
  const text = await readText(source, path);
  const value = parseConfig(text, Kubeconfig, ({ problem, hint }) => badAccess(source, problem, hint));
  return { path, value };
}

function checkCluster(source: string, cluster: Cluster): void {
  const { protocol, hostname } = parseServer(source, cluster.server);
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback)) {
    throw badAccess(source, `${protocol}// to ${hostname} is not encrypted`, 'Use the https:// address.');
  }
  if (cluster['insecure-skip-tls-verify'] === true) {
    const hint = "Put the cluster's CA into certificate-authority-data instead.";
    throw badAccess(source, 'insecure-skip-tls-verify is refused: anybody could answer', hint);
  }
  if (cluster['proxy-url'] !== undefined) {
    throw badAccess(source, 'proxy-url is not supported', 'Reach the API server directly.');
  }
}

function parseServer(source: string, server: string): URL {
  try {
    return new URL(server);
  } catch {
    throw badAccess(source, `server ${server} is not an address`, 'It looks like https://10.0.0.1:6443.');
  }
}

function checkUser(source: string, user: User): void {
  const other = ['exec', 'auth-provider', 'username'].find((key) => user[key] !== undefined);
  if (other === undefined) return;
  const hint =
    'Make a kubeconfig for a service account: kubectl create token NAME gives its token (token or tokenFile).';
  throw badAccess(source, `credentials by ${other} are not supported`, hint);
}

async function kubeconfigCredentials(
  source: string,
  cluster: Entry<Cluster>,
  user: Entry<User>,
): Promise<Credentials> {
  const read = (entry: Entry<Cluster | User>, file: unknown, data: unknown): Promise<string | undefined> => {
    if (typeof data === 'string') return Promise.resolve(Buffer.from(data, 'base64').toString('utf8'));
    if (typeof file !== 'string') return Promise.resolve(undefined);
    return readText(source, resolve(dirname(entry.path), file));
  };
  const { value: from } = user;
  const [ca, certificate, key, tokenFromFile] = await Promise.all([
    read(cluster, cluster.value['certificate-authority'], cluster.value['certificate-authority-data']),
    read(user, from['client-certificate'], from['client-certificate-data']),
    read(user, from['client-key'], from['client-key-data']),
    read(user, from.tokenFile, undefined),
  ]);
  // A token file wins, as in client-go: it is the one that is renewed.
  return { ca, certificate, key, token: tokenFromFile?.trim() ?? from.token };
}

async function readText(source: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw badAccess(source, messageOf(error), 'Check that the file is there and may be read.');
  }
}
