import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObservedNode, ObservedPod } from '#domain';
import { createRng } from '#kernel/rng';
import { createKubernetesClient, openClusterAccess, watchNodes, watchPods } from '#platform/kubernetes';
import type { KubernetesClient, Watch, WatchEvent, WatchTuning } from '#platform/kubernetes';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startCuttingProxy, type CuttingProxy } from '../harness/cutting-proxy.ts';

const NODES = 1000;
const QUICK: Partial<WatchTuning> = { firstBackoffSeconds: 0.05, maxBackoffSeconds: 0.4 };

let cluster: ControlPlane;
let proxy: CuttingProxy;
let direct: KubernetesClient;
let throughProxy: KubernetesClient;
let stopAll: AbortController;

/** What a consumer would keep, and every step that it was told. */
interface Consumer {
  readonly watch: Watch;
  readonly objects: Map<string, ObservedNode>;
  readonly steps: Map<string, string[]>;
  readonly events: WatchEvent<ObservedNode>[];
  readonly synced: Promise<void>;
}

function follow(client: KubernetesClient, tuning: Partial<WatchTuning> = QUICK): Consumer {
  const objects = new Map<string, ObservedNode>();
  const steps = new Map<string, string[]>();
  const events: WatchEvent<ObservedNode>[] = [];
  const { promise: synced, resolve } = Promise.withResolvers<void>();
  const watch = watchNodes({
    client,
    signal: stopAll.signal,
    tuning,
    onSynced: resolve,
    onChange(batch) {
      for (const event of batch) {
        events.push(event);
        if (event.type === 'removed') {
          assert.equal(objects.get(event.name)?.uid, event.uid, 'a removal names what is there');
          objects.delete(event.name);
          continue;
        }
        const { object } = event;
        objects.set(object.name, object);
        const seen = steps.get(object.name) ?? [];
        steps.set(object.name, [...seen, object.labels['step'] ?? '']);
      }
    },
  });
  return { watch, objects, steps, events, synced };
}

function createNode(name: string, step = 0): Promise<unknown> {
  const amounts = { cpu: '8', memory: '32Gi', pods: '110' };
  return cluster.call('POST', '/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { step: String(step) } },
    status: { capacity: amounts, allocatable: { ...amounts, cpu: '7800m' } },
  });
}

function label(name: string, step: number): Promise<unknown> {
  return direct.call({
    method: 'PATCH',
    path: `/api/v1/nodes/${name}`,
    contentType: 'application/merge-patch+json',
    body: { metadata: { labels: { step: String(step) } } },
  });
}

async function listed(): Promise<Map<string, { uid: string; step: string }>> {
  const list = (await direct.call({ path: '/api/v1/nodes' })) as {
    items: { metadata: { name: string; uid: string; labels: Record<string, string> } }[];
  };
  return new Map(
    list.items.map(({ metadata: { name, uid, labels } }) => [name, { uid, step: labels['step'] ?? '' }]),
  );
}

async function settled(consumer: Consumer): Promise<void> {
  const wanted = await listed();
  await until('the consumer has what the API server has', () => {
    if (consumer.objects.size !== wanted.size) return false;
    return [...wanted].every(([name, { uid, step }]) => {
      const object = consumer.objects.get(name);
      return object?.uid === uid && object.labels['step'] === step;
    });
  });
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (isSo()) return;
    await sleep(50);
  }
  assert.fail(`in 30 s: ${what}`);
}

describe('the watch on a real API server', { skip: controlPlaneMissing() }, () => {
  before(async () => {
    cluster = await startControlPlane();
    proxy = await startCuttingProxy(cluster.server);
    direct = createKubernetesClient(await openClusterAccess({ kubeconfig: cluster.kubeconfig }));
    const text = readFileSync(cluster.kubeconfig, 'utf8');
    const path = join(cluster.folder, 'proxied.kubeconfig');
    writeFileSync(path, text.replace(cluster.server, `https://127.0.0.1:${proxy.port}`), { mode: 0o600 });
    throughProxy = createKubernetesClient(await openClusterAccess({ kubeconfig: path }));
    stopAll = new AbortController();
    const names = Array.from({ length: NODES }, (_, at) => `node-${String(at).padStart(4, '0')}`);
    for (let at = 0; at < NODES; at += 50) {
      await Promise.all(names.slice(at, at + 50).map((name) => createNode(name)));
    }
  });

  after(async () => {
    stopAll?.abort();
    direct?.close();
    throughProxy?.close();
    await proxy?.stop();
    await cluster?.stop();
  });

  test('1,000 nodes are listed in pages, then followed, and become ready', async () => {
    const consumer = follow(direct, { ...QUICK, pageSize: 300 });
    await consumer.synced;

    assert.equal(consumer.objects.size, NODES);
    const node = consumer.objects.get('node-0000') as ObservedNode;
    assert.equal(node.cpuAllocatableMillicores, 7800);
    assert.equal(node.memoryCapacityBytes, 32 * 1024 ** 3);
    await until('kwok makes all nodes ready', () => [...consumer.objects.values()].every((n) => n.isReady));
    assert.deepEqual(consumer.objects.get('node-0000')?.addresses, ['127.0.0.1']);
    const { isSynced, objects, lists, problem } = consumer.watch.status();
    assert.deepEqual(
      { isSynced, objects, lists, problem },
      { isSynced: true, objects: NODES, lists: 1, problem: undefined },
    );
  });

  test('cuts at any moment lose nothing, double nothing and put nothing out of order', async () => {
    const consumer = follow(throughProxy);
    await consumer.synced;
    const rng = createRng(11);
    for (let step = 1; step <= 120; step++) {
      const name = `node-${String(rng.int(8)).padStart(4, '0')}`;
      await label(name, step);
      if (step % 15 === 0) {
        await cluster.call('DELETE', `/api/v1/nodes/${name}`);
        await createNode(name, step);
      }
      if (rng.next() < 0.2) proxy.cut();
    }

    await settled(consumer);
    for (const [name, steps] of consumer.steps) {
      const numbers = steps.map(Number);
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
        `${name} goes forward`,
      );
    }
    assert.ok(consumer.watch.status().watches > 5, 'the cuts were real');
    assert.equal(consumer.watch.status().lists, 1, 'resumed each time, never listed again');
  });

  test('a version that the API server has forgotten is listed again and told as differences', async () => {
    const consumer = follow(throughProxy);
    await consumer.synced;
    await settled(consumer);
    const told = consumer.events.length;
    // The new server's cache begins at the newest revision of all, which must be past the last one of a node.
    await cluster.call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'later' } });
    proxy.setOpen(false);
    await until('the watch knows that it is cut', () => consumer.watch.status().problem !== undefined);
    await cluster.restartApiServer();
    await cluster.call('DELETE', '/api/v1/nodes/node-0100');
    await cluster.call('DELETE', '/api/v1/nodes/node-0101');
    await createNode('node-0101', 500);
    await createNode('node-new', 501);
    await label('node-0102', 502);
    proxy.setOpen(true);
    await settled(consumer);

    const names = consumer.events.slice(told).map((event) => {
      const name = event.type === 'set' ? event.object.name : event.name;
      return `${event.type} ${name}`;
    });
    assert.equal(consumer.watch.status().lists, 2, 'the old version was gone');
    assert.deepEqual([...new Set(names)].sort(), [
      'removed node-0100',
      'removed node-0101',
      'set node-0101',
      'set node-0102',
      'set node-new',
    ]);
    assert.ok(names.indexOf('removed node-0101') < names.indexOf('set node-0101'), 'old before new');
    assert.equal(names.filter((name) => name === 'set node-0102').length, 1);
  });

  test('a connection that goes silent is noticed, and its age is known meanwhile', async () => {
    const consumer = follow(throughProxy, { ...QUICK, quietSeconds: 1 });
    await consumer.synced;
    proxy.setSilent(true);
    await label('node-0003', 601);
    await until('the silence is noticed', () => consumer.watch.status().problem?.kind === 'timeout');
    assert.ok((consumer.watch.status().ageSeconds ?? 0) >= 1);
    proxy.setSilent(false);
    proxy.cut();
    await settled(consumer);
    assert.equal(consumer.watch.status().problem, undefined);
  });

  test('pods are told with the amounts that count; one that ends leaves the active ones', async () => {
    const pods = new Map<string, ObservedPod>();
    watchPods({
      client: direct,
      signal: stopAll.signal,
      activeOnly: true,
      namespace: 'default',
      onChange(events) {
        for (const event of events) {
          if (event.type === 'set') pods.set(event.object.name, event.object);
          else pods.delete(event.name);
        }
      },
    });
    await cluster.call('POST', '/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'one', labels: { app: 'web' } },
      spec: {
        containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '250m', memory: '64Mi' } } }],
      },
    });
    await until('the pod runs', () => pods.get('one')?.phase === 'Running');
    const pod = pods.get('one') as ObservedPod;
    assert.equal(pod.cpuRequestMillicores, 250);
    assert.equal(pod.qos, 'burstable');
    assert.equal(pod.schedulerName, 'default-scheduler');
    assert.ok(pod.nodeName?.startsWith('node-'));
    assert.ok(pod.startedAtMs !== undefined);
    await direct.call({
      method: 'PATCH',
      path: '/api/v1/namespaces/default/pods/one/status',
      contentType: 'application/merge-patch+json',
      body: { status: { phase: 'Succeeded' } },
    });
    await until('the pod has ended', () => !pods.has('one'));
  });
});
