import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createRng } from '#kernel/rng';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startDecisionStandIn, type DecisionStandIn, type Fault } from '../harness/decision-stand-in.ts';
import { createNodes, drawShapes, until } from '../harness/placements.ts';
import {
  createNamespace,
  createPod,
  deployFolder,
  extenderConfig,
  placePods,
} from '../harness/scheduler-config.ts';

const PODS = 10;
const FAULTS: readonly Fault[] = ['status-500', 'garbage', 'wrong-nodes', 'huge-scores', 'reset', 'hung'];

let cluster: ControlPlane;
let service: DecisionStandIn;

describe('a second scheduler of the stock binary', { skip: controlPlaneMissing() }, () => {
  before(async () => {
    service = await startDecisionStandIn();
    cluster = await startControlPlane();
    await cluster.startScheduler({ name: 'second', config: extenderConfig('mlsched', service.url) });
    await createNodes(cluster, drawShapes(12, createRng(3)));
    await createNamespace(cluster, 'mlsched');
  });

  after(async () => {
    await cluster?.stop();
    await service?.kill();
  });

  test('its pods go where the extender says', async () => {
    service.scoreOf = (node) => (node === 'node-004' ? 100 : 0);

    const nodes = await placePods(cluster, { namespace: 'steered', schedulerName: 'mlsched', count: PODS });

    assert.deepEqual(new Set(nodes.values()), new Set(['node-004']));
    assert.equal(service.podsAsked.length, PODS);
  });

  test('pods of the first scheduler are never asked about', async () => {
    const before = service.podsAsked.length;
    await placePods(cluster, { namespace: 'plain', count: PODS });

    assert.equal(service.podsAsked.length, before);
  });

  for (const fault of FAULTS) {
    test(`every pod is bound while the extender is at fault: ${fault as string}`, async () => {
      service.fault = fault;
      const namespace = `fault-${fault as string}`;
      const nodes = await placePods(cluster, { namespace, schedulerName: 'mlsched', count: PODS });
      service.fault = 'none';

      assert.equal(nodes.size, PODS);
    });
  }

  test('every pod is bound while the extender is gone', async () => {
    await service.kill();
    const nodes = await placePods(cluster, { namespace: 'gone', schedulerName: 'mlsched', count: PODS });
    await service.revive();

    assert.equal(nodes.size, PODS);
  });

  for (const way of ['plugin', 'extender']) {
    test(`the API server takes every manifest of the way "${way}"`, () => {
      const path = `${deployFolder}/${way}`;
      const output = cluster.kubectl('apply', '-k', path, '--dry-run=server', '--validate=strict');

      assert.match(output, /deployment.apps\/mlsched-kube-scheduler created/);
      assert.match(output, /configmap\/mlsched-kube-scheduler-\w+ created/);
    });
  }

  test('the policy hands pods of namespaces that opted in to the mlsched profile', async () => {
    cluster.kubectl('apply', '-k', `${deployFolder}/opt-in`, '--validate=strict');
    await createNamespace(cluster, 'opted-in', { 'mlsched.io/scheduling': 'enabled' });
    await createNamespace(cluster, 'opted-out');
    let at = 0;
    await until('the policy is in force', async () => {
      await createPod(cluster, { namespace: 'opted-in', count: 1 }, at);
      return (await schedulerOf('opted-in', `pod-${at++}`)) === 'mlsched';
    });
    const labels = { 'mlsched.io/scheduling': 'disabled' };
    await createLabelled('opted-in', 'stays', labels);
    await createPod(cluster, { namespace: 'opted-in', schedulerName: 'other', prefix: 'other', count: 1 }, 0);
    await createPod(cluster, { namespace: 'opted-out', count: 1 }, 0);

    assert.equal(await schedulerOf('opted-in', 'stays'), 'default-scheduler');
    assert.equal(await schedulerOf('opted-in', 'other-0'), 'other');
    assert.equal(await schedulerOf('opted-out', 'pod-0'), 'default-scheduler');
  });

  test('wrong arguments of the plugin stop its scheduler at start and say what to do', async () => {
    const plugins = { multiPoint: { enabled: [{ name: 'Mlsched', weight: 5 }] } };
    const pluginConfig = [{ name: 'Mlsched', args: { urls: ['http://service.example'] } }];
    const config = { profiles: [{ schedulerName: 'mlsched', plugins, pluginConfig }] };

    await assert.rejects(
      cluster.startScheduler({ name: 'wrong', binary: 'plugin', config }),
      /is not encrypted: use https, or set allowPlainHTTP: true/,
    );
  });
});

async function schedulerOf(namespace: string, pod: string): Promise<string> {
  const found = (await cluster.call('GET', `/api/v1/namespaces/${namespace}/pods/${pod}`)) as {
    spec: { schedulerName: string };
  };
  return found.spec.schedulerName;
}

async function createLabelled(
  namespace: string,
  name: string,
  labels: Record<string, string>,
): Promise<void> {
  await cluster.call('POST', `/api/v1/namespaces/${namespace}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: { containers: [{ name: 'main', image: 'none' }] },
  });
}
