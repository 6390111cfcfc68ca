import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createAuthority } from './certificates.ts';
import {
  buildFromModules,
  isSecureOk,
  startKubeScheduler,
  type RunningScheduler,
  type SchedulerOptions,
} from './kube-scheduler.ts';
import { freePorts, startProcess, waitUntilReady, type ServerProcess } from './processes.ts';

/** A real control plane on loopback: etcd, kube-apiserver, kube-scheduler, and kwok as the nodes' kubelet. */
export interface ControlPlane {
  /** Calls the API server as an administrator; resolves to the decoded body, rejects on any other status. */
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  readonly folder: string;
  /** Base address of the API server. */
  readonly server: string;
  /** A kubeconfig of an administrator. */
  readonly kubeconfig: string;
  /** Kills the API server and starts it again on its port; etcd keeps what it has. */
  restartApiServer(): Promise<void>;
  /** Starts one more scheduler; it is stopped with the control plane. */
  startScheduler(options: SchedulerOptions): Promise<RunningScheduler>;
  /** Process ids of everything that runs, by name. */
  processes(): ReadonlyMap<string, number>;
  /** Runs kubectl as an administrator. @throws Error with what it printed. */
  kubectl(...args: readonly string[]): string;
  stop(): Promise<void>;
}

export interface ControlPlaneOptions {
  /** The first scheduler: the stock one with its default profile, unless told otherwise; false for none. */
  readonly scheduler?: SchedulerOptions | false;
  /** Deployments, service accounts and taints are looked after; costs about 120 MiB. */
  readonly withControllerManager?: boolean;
  /** Fake nodes and pods become ready; without, pods stay as the scheduler bound them. */
  readonly withKwok?: boolean;
  /** kwok serves what its pods use (annotations `kwok.x-k8s.io/usage-cpu` and `-memory`), and APIs can be aggregated. */
  readonly withNodeMetrics?: boolean;
}

interface Ports {
  readonly etcd: number;
  readonly peer: number;
  readonly api: number;
  readonly controllers: number;
  readonly kwok: number;
}

interface Setting {
  readonly folder: string;
  readonly binaries: string;
  readonly ports: Ports;
  readonly tokens: Readonly<Record<'admin' | 'scheduler' | 'controllers' | 'kwok', string>>;
  readonly options: ControlPlaneOptions;
}

/** Why the control plane cannot be built here; false when it can. */
export function controlPlaneMissing(): string | false {
  const found = spawnSync('go', ['version'], { encoding: 'utf8' });
  return found.status === 0 ? false : 'Go is not installed: the control plane is built from Go modules';
}

/**
 * Starts the control plane and waits until every part is ready.
 *
 * @remarks Without controller manager taints and service accounts are not maintained, so the two admission
 *   plugins that need them are off. etcd skips fsync: nothing here must survive.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const setting = await prepare(options);
  const running: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const server of running.toReversed()) await server.stop(2000);
    rmSync(setting.folder, { recursive: true, force: true });
  };
  const startScheduler = async (wanted: SchedulerOptions): Promise<RunningScheduler> =>
    startKubeScheduler(setting, wanted, running);
  const steps = [startEtcd, startApiServer];
  if (options.withControllerManager === true) steps.push(startControllerManager);
  if (options.withKwok !== false) steps.push(startKwok);
  try {
    for (const start of steps) await start(setting, running);
    if (options.scheduler !== false) await startScheduler(options.scheduler ?? {});
  } catch (error) {
    await stop();
    throw error;
  }
  const agent = new Agent({ keepAlive: true, ca: readFileSync(join(setting.folder, 'pki/apiserver.crt')) });
  const kubeconfig = join(setting.folder, 'admin.kubeconfig');
  return {
    folder: setting.folder,
    server: `https://127.0.0.1:${setting.ports.api}`,
    kubeconfig,
    async restartApiServer() {
      const at = running.findIndex(({ name }) => name === 'kube-apiserver');
      await running.splice(at, 1)[0]?.stop(100);
      await startApiServer(setting, running);
    },
    startScheduler,
    processes: () => new Map(running.map(({ name, pid }) => [name, pid])),
    kubectl: (...args) => runKubectl(setting, kubeconfig, args),
    call: (method, path, body) => callApi(setting, agent, { method, path, body }),
    async stop() {
      agent.destroy();
      await stop();
    },
  };
}

function runKubectl({ binaries }: Setting, kubeconfig: string, args: readonly string[]): string {
  const done = spawnSync(join(binaries, 'kubectl'), [`--kubeconfig=${kubeconfig}`, ...args], {
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(`kubectl ${args.join(' ')}:\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

async function prepare(options: ControlPlaneOptions): Promise<Setting> {
  const binaries = buildFromModules('control-plane');
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-control-plane-'));
  for (const name of ['pki', 'logs', 'etcd']) mkdirSync(join(folder, name), { mode: 0o700 });
  const [etcd = 0, peer = 0, api = 0, controllers = 0, kwok = 0] = await freePorts(5);
  const token = (): string => randomBytes(24).toString('hex');
  const setting: Setting = {
    folder,
    binaries,
    ports: { etcd, peer, api, controllers, kwok },
    tokens: { admin: token(), scheduler: token(), controllers: token(), kwok: token() },
    options,
  };
  writeCredentials(setting);
  return setting;
}

function writeCredentials({ folder, ports, tokens }: Setting): void {
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const secret = { mode: 0o600 };
  writeFileSync(join(folder, 'pki/sa.key'), keys.privateKey, secret);
  writeFileSync(join(folder, 'pki/sa.pub'), keys.publicKey, secret);
  const users = [
    `${tokens.admin},admin,admin,"system:masters"`,
    `${tokens.scheduler},system:kube-scheduler,system:kube-scheduler`,
    `${tokens.controllers},system:kube-controller-manager,system:kube-controller-manager`,
    `${tokens.kwok},kwok,kwok,"system:masters"`,
  ];
  writeFileSync(join(folder, 'pki/tokens.csv'), `${users.join('\n')}\n`, secret);
  for (const [name, token] of Object.entries(tokens)) {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'test',
          cluster: {
            server: `https://127.0.0.1:${ports.api}`,
            'certificate-authority': join(folder, 'pki/apiserver.crt'),
          },
        },
      ],
      users: [{ name, user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
      'current-context': 'test',
    };
    writeFileSync(join(folder, `${name}.kubeconfig`), JSON.stringify(config), secret);
  }
}

async function startEtcd({ folder, binaries, ports }: Setting, running: ServerProcess[]): Promise<void> {
  const log = join(folder, 'logs/etcd.log');
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.peer}`;
  const server = startProcess(
    'etcd',
    [
      join(binaries, 'etcd'),
      '--name=test',
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=test=${peer}`,
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
    log,
  );
  running.push(server);
  await waitUntilReady(server, log, () => isPlainOk(`${client}/health`));
}

async function startApiServer(setting: Setting, running: ServerProcess[]): Promise<void> {
  const { folder, binaries, ports } = setting;
  const log = join(folder, 'logs/apiserver.log');
  const server = startProcess(
    'kube-apiserver',
    [
      join(binaries, 'kube-apiserver'),
      `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${ports.api}`,
      '--endpoint-reconciler-type=none',
      `--cert-dir=${join(folder, 'pki')}`,
      '--service-cluster-ip-range=10.0.0.0/16',
      `--token-auth-file=${join(folder, 'pki/tokens.csv')}`,
      '--authorization-mode=Node,RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(folder, 'pki/sa.pub')}`,
      `--service-account-signing-key-file=${join(folder, 'pki/sa.key')}`,
      ...(setting.options.withControllerManager === true
        ? []
        : ['--disable-admission-plugins=TaintNodesByCondition,ServiceAccount']),
      '--enable-priority-and-fairness=false',
      ...(setting.options.withNodeMetrics === true ? aggregationFlags(folder) : []),
    ],
    log,
  );
  running.push(server);
  await waitUntilReady(server, log, () => isSecureOk(ports.api, setting.tokens.admin));
}

/** How the API server proves to an aggregated one in whose name it asks. */
function aggregationFlags(folder: string): string[] {
  const authority = createAuthority(join(folder, 'pki'), 'front-proxy');
  const { certificateFile, keyFile } = authority.issue('front-proxy-client');
  return [
    `--requestheader-client-ca-file=${authority.caFile}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${certificateFile}`,
    `--proxy-client-key-file=${keyFile}`,
  ];
}

async function startControllerManager(setting: Setting, running: ServerProcess[]): Promise<void> {
  const { folder, binaries, ports } = setting;
  const log = join(folder, 'logs/controllers.log');
  const kubeconfig = join(folder, 'controllers.kubeconfig');
  const server = startProcess(
    'kube-controller-manager',
    [
      join(binaries, 'kube-controller-manager'),
      ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
        (flag) => `--${flag}=${kubeconfig}`,
      ),
      '--bind-address=127.0.0.1',
      `--secure-port=${ports.controllers}`,
      `--cert-dir=${join(folder, 'pki/controllers')}`,
      `--service-account-private-key-file=${join(folder, 'pki/sa.key')}`,
      `--root-ca-file=${join(folder, 'pki/apiserver.crt')}`,
      // Under RBAC the controllers' own accounts hold the rights; without this taints are never removed.
      '--use-service-account-credentials=true',
      '--leader-elect=false',
      '--authorization-always-allow-paths=/healthz,/metrics',
    ],
    log,
  );
  running.push(server);
  await waitUntilReady(server, log, () => isSecureOk(ports.controllers, '', '/healthz'));
}

const KWOK_STAGES = [
  'node-initialize',
  'node-heartbeat-with-lease',
  'pod-ready',
  'pod-complete',
  'pod-delete',
];

async function startKwok(setting: Setting, running: ServerProcess[]): Promise<void> {
  const { folder, binaries, ports } = setting;
  const log = join(folder, 'logs/kwok.log');
  const config = join(folder, 'kwok.yaml');
  const isMeasured = setting.options.withNodeMetrics === true;
  const parts = KWOK_STAGES.map((name) => join(binaries, `${name}.yaml`));
  if (isMeasured) parts.push(...usageParts());
  writeFileSync(config, parts.map((file) => readFileSync(file, 'utf8')).join('\n---\n'));
  const server = startProcess(
    'kwok',
    [
      join(binaries, 'kwok'),
      `--kubeconfig=${join(folder, 'kwok.kubeconfig')}`,
      `--config=${config}`,
      '--manage-all-nodes=true',
      '--node-ip=127.0.0.1',
      `--node-port=${ports.kwok}`,
      `--server-address=127.0.0.1:${ports.kwok}`,
      ...(isMeasured
        ? [
            `--tls-cert-file=${join(folder, 'pki/apiserver.crt')}`,
            `--tls-private-key-file=${join(folder, 'pki/apiserver.key')}`,
          ]
        : []),
      `--node-lease-duration-seconds=${setting.options.withControllerManager === true ? 40 : 0}`,
    ],
    log,
  );
  running.push(server);
  await waitUntilReady(server, log, () => isPlainOk(`http://127.0.0.1:${ports.kwok}/healthz`));
}

/** kwok's own definitions of a kubelet's resource metrics. */
function usageParts(): string[] {
  const module = execFileSync('go', ['list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/kwok'], {
    cwd: resolve(import.meta.dirname, '../../scheduler-plugin'),
    encoding: 'utf8',
  }).trim();
  return ['resource/metrics-resource', 'usage/usage-from-annotation'].map((name) =>
    join(module, 'kustomize/metrics', `${name}.yaml`),
  );
}

function isPlainOk(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(url, { timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.once('error', reject);
    call.end();
  });
}

interface ApiCall {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

function callApi(
  { ports, tokens }: Setting,
  agent: Agent,
  { method, path, body }: ApiCall,
): Promise<unknown> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        agent,
        host: '127.0.0.1',
        port: ports.api,
        method,
        path,
        timeout: 30_000,
        headers: {
          authorization: `Bearer ${tokens.admin}`,
          'content-type': method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json',
          ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const isOk = response.statusCode !== undefined && response.statusCode < 300;
          if (isOk) resolve(JSON.parse(text));
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`));
        });
      },
    );
    call.once('error', reject);
    call.end(payload);
  });
}
