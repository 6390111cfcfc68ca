import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKubernetesClient, openClusterAccess, readNodeUse, readPodUse } from '#platform/kubernetes';
import type { KubernetesClient } from '#platform/kubernetes';
import { openSource } from '#services/collect-source';
import { parseEnvelope, ROOT, runCli } from '../cli/run-cli.ts';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { registerMetricsApi, startMetricsServer } from '../harness/metrics-server.ts';
import { prometheusMissing, startPrometheus } from '../harness/prometheus.ts';
import type { ServerProcess } from '../harness/processes.ts';

const NODES = ['worker-1', 'worker-2'];

async function addNodes(cluster: ControlPlane): Promise<void> {
  const amounts = { cpu: '4', memory: '4Gi', pods: '110' };
  for (const name of NODES) {
    await cluster.call('POST', '/api/v1/nodes', {
      metadata: {
        name,
        annotations: { 'metrics.k8s.io/resource-metrics-path': `/metrics/nodes/${name}/metrics/resource` },
      },
      status: { capacity: amounts, allocatable: amounts },
    });
    await cluster.call('POST', '/api/v1/namespaces/default/pods', {
      metadata: {
        name: `pod-${name}`,
        annotations: { 'kwok.x-k8s.io/usage-cpu': '1', 'kwok.x-k8s.io/usage-memory': '1Gi' },
      },
      spec: { nodeName: name, containers: [{ name: 'main', image: 'x' }] },
    });
  }
}

async function doctor(cluster: ControlPlane): Promise<{ name: string; level: string; found: string }[]> {
  const answer = await runCli(['doctor', '--kubeconfig', cluster.kubeconfig, '-o', 'json']);
  return (parseEnvelope(answer).data as { checks: { name: string; level: string; found: string }[] }).checks;
}

/** Collects by the command line until rows have been stored, and a little longer. */
async function collectRows(
  cluster: ControlPlane,
  store: string,
): Promise<{ rows: [string, number, number][]; log: string }> {
  const args = ['collect', 'live', '--metrics-server', '--kubeconfig', cluster.kubeconfig];
  const live = spawn(join(ROOT, 'bin/mlsched'), [...args, '--store', store, '--step', '10', '--port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  live.stderr.on('data', (text: Buffer) => (log += text.toString()));
  const closed = once(live, 'close');
  for (let tries = 0; tries < 100 && !/\bcollecting\b/.test(log); tries++) await sleep(500);
  await sleep(12_000);
  live.kill('SIGTERM');
  await closed;
  const sql = 'SELECT machine, cpu_usage_ratio, memory_usage_ratio FROM nodes';
  const answer = await runCli(['collect', 'query', '--store', store, '--sql', sql, '-o', 'json']);
  const { rows } = parseEnvelope(answer).data as { rows: [string, number, number][] };
  return { rows, log };
}

describe('Metrics Server as the source', { skip: controlPlaneMissing() }, () => {
  let cluster: ControlPlane;
  let client: KubernetesClient;
  let folder = '';
  let server: ServerProcess | undefined;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlsched-metrics-server-'));
    cluster = await startControlPlane({ withNodeMetrics: true, scheduler: false });
    client = createKubernetesClient(await openClusterAccess({ kubeconfig: cluster.kubeconfig }));
    await addNodes(cluster);
  });
  after(async () => {
    client?.close();
    await server?.stop(2000);
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('not installed and not ready are told apart, and neither is a load of 0', async () => {
    await assert.rejects(readNodeUse(client), { code: 'MLS_KUBERNETES_NO_METRICS_SERVER' });
    const absent = (await doctor(cluster)).find(({ name }) => name === 'metrics server');
    assert.equal(absent?.level, 'WARNING');
    assert.match(absent?.found ?? '', /not installed/);
    await registerMetricsApi(cluster, 9);
    await sleep(500);
    await assert.rejects(readNodeUse(client), { code: 'MLS_KUBERNETES_BUSY' });
    cluster.kubectl('delete', 'apiservice', 'v1beta1.metrics.k8s.io');
    cluster.kubectl('delete', 'service', 'metrics-server', '-n', 'kube-system');
  });

  test('the real one: use of nodes and pods, doctor, and live rows in a store', async () => {
    server = await startMetricsServer(cluster);
    let uses = await readNodeUse(client).catch(() => []);
    let pods = await readPodUse(client).catch(() => []);
    for (let tries = 0; tries < 120 && (uses.length < NODES.length || pods.length < NODES.length); tries++) {
      await sleep(500);
      uses = await readNodeUse(client).catch(() => []);
      pods = await readPodUse(client).catch(() => []);
    }
    assert.deepEqual(uses.map(({ name }) => name).sort(), NODES);
    assert.deepEqual(pods.map(({ name }) => name).sort(), ['pod-worker-1', 'pod-worker-2']);
    for (const { cpuMillicores, memoryBytes, windowSeconds } of [...uses, ...pods]) {
      assert.ok(Math.abs(cpuMillicores - 1000) < 50, `${cpuMillicores} millicores`);
      assert.equal(memoryBytes, 2 ** 30);
      assert.ok(windowSeconds > 5 && windowSeconds < 30);
    }
    const checked = (await doctor(cluster)).find(({ name }) => name === 'metrics server');
    assert.equal(checked?.level, 'OK');
    assert.match(checked?.found ?? '', /2 of 2 nodes and 2 pods/);

    const { rows, log } = await collectRows(cluster, join(folder, 'store'));
    assert.deepEqual([...new Set(rows.map(([name]) => name))].sort(), NODES, log);
    for (const [, cpu, memory] of rows) {
      assert.ok(Math.abs(cpu - 0.25) < 0.02, `CPU ${cpu}`);
      assert.ok(Math.abs(memory - 0.25) < 1e-6, `memory ${memory}`);
    }
  });

  test(
    'the API server names the nodes of a Prometheus, beside the node map',
    { skip: prometheusMissing() },
    async () => {
      const nowMs = Date.now();
      const nodeMapFile = join(folder, 'nodes.yaml');
      await writeFile(nodeMapFile, '127.0.0.1: worker-9\n10.0.0.7: worker-1\n');
      const prometheus = await startPrometheus(join(folder, 'prometheus'), [
        {
          name: 'node_load1',
          type: 'gauge',
          series: [{ labels: { instance: '127.0.0.1:9100' }, samples: [[nowMs - 60_000, 1]] }],
        },
      ]);
      try {
        const kubernetes = { kubeconfig: cluster.kubeconfig };
        const source = { url: prometheus.url, kubernetes };
        const byCluster = await openSource(source, nowMs);
        assert.ok(NODES.includes(byCluster.identity.resolve({ instance: '127.0.0.1:9100' }) ?? ''));
        assert.deepEqual(
          byCluster.identity.conflicts.map(({ kind }) => kind),
          ['shared'],
        );
        const byBoth = await openSource({ ...source, nodeMapFile }, nowMs);
        assert.equal(byBoth.identity.resolve({ instance: '127.0.0.1:9100' }), 'worker-9');
        assert.equal(byBoth.identity.resolve({ instance: '10.0.0.7:9100' }), 'worker-1');
        assert.ok(byBoth.identity.conflicts.some(({ kind }) => kind === 'differs'));
        await byBoth.refresh(nowMs);
        assert.equal(byBoth.identity.resolve({ instance: '127.0.0.1:9100' }), 'worker-9');
      } finally {
        await prometheus.stop();
      }
    },
  );
});
