import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createRng } from '#kernel/rng';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startDecisionStandIn, type DecisionStandIn } from '../harness/decision-stand-in.ts';
import type { RunningScheduler } from '../harness/kube-scheduler.ts';
import { createNodes, drawShapes, until } from '../harness/placements.ts';
import { placePods, pluginProfile } from '../harness/scheduler-config.ts';

const PODS = 20;

let cluster: ControlPlane;
let service: DecisionStandIn;
let scheduler: RunningScheduler;

describe('the plugin built for Kubernetes 1.32', { skip: controlPlaneMissing() }, () => {
  before(async () => {
    service = await startDecisionStandIn();
    cluster = await startControlPlane({ scheduler: false });
    const args = { urls: [service.url], timeoutMs: 5000, slowCallMs: 5000, filter: { enabled: true } };
    scheduler = await cluster.startScheduler({
      binary: 'plugin-1.32',
      config: { profiles: [{ schedulerName: 'default-scheduler' }, pluginProfile('mlsched', args)] },
    });
    await createNodes(cluster, drawShapes(12, createRng(5)));
  });

  after(async () => {
    await cluster?.stop();
    await service?.kill();
  });

  test('pods go where the service says and the filter is heeded', async () => {
    service.rejected = ['node-001'];
    service.scoreOf = (node) => ({ 'node-001': 100, 'node-002': 90 })[node] ?? 10;
    const nodes = await placePods(cluster, { namespace: 'steered', schedulerName: 'mlsched', count: PODS });

    assert.deepEqual(new Set(nodes.values()), new Set(['node-002']));
  });

  test('pods of the default scheduler are never asked about', async () => {
    const before = service.podsAsked.length;
    await placePods(cluster, { namespace: 'plain', count: PODS });

    assert.equal(service.podsAsked.length, before);
  });

  test('every pod is bound when the service is killed', async () => {
    await service.kill();
    const nodes = await placePods(cluster, { namespace: 'killed', schedulerName: 'mlsched', count: PODS });
    await until(
      'the breaker has opened',
      async () => (await scheduler.metric('mlsched_plugin_breaker_open')) === 1,
    );

    assert.equal(nodes.size, PODS);
  });
});
