import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePorts, startProcess, waitUntilReady, type ServerProcess } from './processes.ts';

const pluginFolder = resolve(import.meta.dirname, '../../scheduler-plugin');

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
  stop(): Promise<void>;
}

interface Ports {
  readonly etcd: number;
  readonly peer: number;
  readonly api: number;
  readonly scheduler: number;
  readonly kwok: number;
}

interface Setting {
  readonly folder: string;
  readonly binaries: string;
  readonly ports: Ports;
  readonly tokens: Readonly<Record<'admin' | 'scheduler' | 'kwok', string>>;
}

/** Why the control plane cannot be built here; false when it can. */
export function controlPlaneMissing(): string | false {
  const found = spawnSync('go', ['version'], { encoding: 'utf8' });
  return found.status === 0 ? false : 'Go is not installed: the control plane is built from Go modules';
}

/** Builds the binaries when the cache has none for this go.sum; minutes the first time. */
function buildControlPlane(): string {
  return execFileSync(join(pluginFolder, 'build.sh'), ['control-plane'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

/**
 * Starts the control plane and waits until every part is ready.
 *
 * @remarks Without controller manager: taints and service accounts are not maintained, so the two admission
 *   plugins that need them are off. etcd skips fsync: nothing here must survive.
 */
export async function startControlPlane(): Promise<ControlPlane> {
  const setting = await prepare();
  const running: ServerProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const server of running.toReversed()) await server.stop(2000);
    rmSync(setting.folder, { recursive: true, force: true });
  };
  try {
    for (const start of [startEtcd, startApiServer, startScheduler, startKwok]) await start(setting, running);
  } catch (error) {
    await stop();
    throw error;
  }
  const agent = new Agent({ keepAlive: true, ca: readFileSync(join(setting.folder, 'pki/apiserver.crt')) });
  return {
    folder: setting.folder,
    server: `https://127.0.0.1:${setting.ports.api}`,
    kubeconfig: join(setting.folder, 'admin.kubeconfig'),
    async restartApiServer() {
      const at = running.findIndex(({ name }) => name === 'kube-apiserver');
      await running.splice(at, 1)[0]?.stop(100);
      await startApiServer(setting, running);
    },
    call: (method, path, body) => callApi(setting, agent, { method, path, body }),
    async stop() {
      agent.destroy();
      await stop();
    },
  };
}

async function prepare(): Promise<Setting> {
  const binaries = buildControlPlane();
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-control-plane-'));
  for (const name of ['pki', 'logs', 'etcd']) mkdirSync(join(folder, name), { mode: 0o700 });
  const [etcd = 0, peer = 0, api = 0, scheduler = 0, kwok = 0] = await freePorts(5);
  const token = (): string => randomBytes(24).toString('hex');
  const setting: Setting = {
    folder,
    binaries,
    ports: { etcd, peer, api, scheduler, kwok },
    tokens: { admin: token(), scheduler: token(), kwok: token() },
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
      '--disable-admission-plugins=TaintNodesByCondition,ServiceAccount',
      '--enable-priority-and-fairness=false',
    ],
    log,
  );
  running.push(server);
  await waitUntilReady(server, log, () => isSecureOk(ports.api, setting.tokens.admin));
}

async function startScheduler(setting: Setting, running: ServerProcess[]): Promise<void> {
  const { folder, binaries, ports } = setting;
  const log = join(folder, 'logs/scheduler.log');
  const kubeconfig = join(folder, 'scheduler.kubeconfig');
  const config = join(folder, 'scheduler.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      leaderElection: { leaderElect: false },
      clientConnection: { kubeconfig, qps: 5000, burst: 10_000 },
    }),
  );
  const server = startProcess(
    'kube-scheduler',
    [
      join(binaries, 'kube-scheduler'),
      `--config=${config}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${ports.scheduler}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--authorization-always-allow-paths=/healthz,/readyz,/livez,/metrics',
      `--cert-dir=${join(folder, 'pki/scheduler')}`,
    ],
    log,
  );
  running.push(server);
  await waitUntilReady(server, log, () => isSecureOk(ports.scheduler, ''));
}

const KWOK_STAGES = [
  'node-initialize',
  'node-heartbeat-with-lease',
  'pod-ready',
  'pod-complete',
  'pod-delete',
];

async function startKwok({ folder, binaries, ports }: Setting, running: ServerProcess[]): Promise<void> {
  const log = join(folder, 'logs/kwok.log');
  const config = join(folder, 'kwok.yaml');
  writeFileSync(
    config,
    KWOK_STAGES.map((name) => readFileSync(join(binaries, `${name}.yaml`), 'utf8')).join('\n---\n'),
  );
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
      '--node-lease-duration-seconds=0',
    ],
    log,
  );
  running.push(server);
  await waitUntilReady(server, log, () => isPlainOk(`http://127.0.0.1:${ports.kwok}/healthz`));
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

/** Readiness only: the certificate is made by the server itself a moment before, so it is not verified here. */
function isSecureOk(port: number, token: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
    const options = {
      host: '127.0.0.1',
      port,
      path: '/readyz',
      headers,
      timeout: 2000,
      rejectUnauthorized: false,
    };
    const call = request(options, (response) => {
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
          'content-type': 'application/json',
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
