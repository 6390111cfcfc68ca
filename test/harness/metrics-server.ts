import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { ControlPlane } from './control-plane.ts';
import { freePorts, startProcess, waitUntilReady, type ServerProcess } from './processes.ts';

const builder = resolve(import.meta.dirname, '../../scheduler-plugin/metrics-server/build.sh');

/**
 * Starts the real metrics-server against a control plane that was started `withNodeMetrics`, and registers its API.
 * Resolves when the API server finds it available; its first measurements come some 20 s later.
 */
export async function startMetricsServer(cluster: ControlPlane): Promise<ServerProcess> {
  const folder = execFileSync(builder, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
  const [port = 0] = await freePorts(1);
  const log = join(cluster.folder, 'logs/metrics-server.log');
  const server = startProcess(
    'metrics-server',
    [
      join(folder, 'metrics-server'),
      ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
        (flag) => `--${flag}=${cluster.kubeconfig}`,
      ),
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${join(cluster.folder, 'pki/metrics-server')}`,
      '--kubelet-insecure-tls',
      '--kubelet-preferred-address-types=InternalIP',
      '--kubelet-use-node-status-port',
      '--metric-resolution=10s',
      '--kubelet-request-timeout=5s',
    ],
    log,
  );
  await registerMetricsApi(cluster, port);
  await waitUntilReady(server, log, async () => {
    const service = (await cluster.call('GET', API_SERVICE)) as ApiService;
    return (
      service.status?.conditions?.some(({ type, status }) => type === 'Available' && status === 'True') ===
      true
    );
  });
  return server;
}

interface ApiService {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const API_SERVICE = `${API_SERVICES}/v1beta1.metrics.k8s.io`;

/** Tells the API server that metrics.k8s.io is served on a port of loopback, whether somebody listens there or not. */
export async function registerMetricsApi(cluster: ControlPlane, port: number): Promise<void> {
  await cluster.call('POST', '/api/v1/namespaces/kube-system/services', {
    metadata: { name: 'metrics-server' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  });
  await cluster.call('POST', API_SERVICES, {
    metadata: { name: 'v1beta1.metrics.k8s.io' },
    spec: {
      service: { name: 'metrics-server', namespace: 'kube-system', port },
      group: 'metrics.k8s.io',
      version: 'v1beta1',
      insecureSkipTLSVerify: true,
      groupPriorityMinimum: 100,
      versionPriority: 100,
    },
  });
}
