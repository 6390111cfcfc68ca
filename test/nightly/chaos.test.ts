import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRng } from '#kernel/rng';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startDecisionStandIn, type DecisionStandIn, type Fault } from '../harness/decision-stand-in.ts';
import type { RunningScheduler } from '../harness/kube-scheduler.ts';
import { createNodes, drawShapes, until } from '../harness/placements.ts';
import { createNamespace, createPod, pluginProfile, untilBound } from '../harness/scheduler-config.ts';

const SECONDS = Number(process.env['MLSCHED_CHAOS_SECONDS'] ?? '120');
const PODS_PER_SECOND = 10;
const FAULTS: readonly Fault[] = [
  'none',
  'none',
  'hung',
  'status-500',
  'garbage',
  'huge-body',
  'wrong-length',
  'huge-scores',
  'wrong-nodes',
  'reset',
  'not-ready',
  { slowMs: 100 },
  { slowMs: 1000 },
];

let cluster: ControlPlane;
let scheduler: RunningScheduler;
let replicas: DecisionStandIn[];

/** Lets one replica after the other fail, each in a way of its own, until the signal. */
async function torment(signal: AbortSignal): Promise<void> {
  const rng = createRng(23);
  while (!signal.aborted) {
    const replica = replicas[rng.int(replicas.length)] as DecisionStandIn;
    if (rng.next() < 0.2) {
      await replica.kill();
      await sleep(rng.int(1500));
      await replica.revive();
    } else {
      replica.fault = FAULTS[rng.int(FAULTS.length)] as Fault;
    }
    await sleep(rng.int(1000));
  }
  for (const replica of replicas) replica.fault = 'none';
}

describe('chaos', { skip: controlPlaneMissing() }, () => {
  before(async () => {
    replicas = await Promise.all([1, 2, 3].map(() => startDecisionStandIn()));
    cluster = await startControlPlane({ scheduler: false });
    const args = { urls: replicas.map(({ url }) => url), filter: { enabled: true, maxRejectedRatio: 0.2 } };
    const profiles = [pluginProfile('mlsched', args)];
    scheduler = await cluster.startScheduler({ binary: 'plugin', config: { profiles } });
    const shapes = drawShapes(40, createRng(9));
    await createNodes(cluster, shapes);
    for (const replica of replicas) replica.rejected = shapes.slice(0, 4).map(({ name }) => name);
  });

  after(async () => {
    await cluster?.stop();
    await Promise.all(replicas.map((replica) => replica.kill()));
  });

  test('every pod is bound while three replicas fail in turn and the API server restarts', async () => {
    await createNamespace(cluster, 'chaos');
    const over = new AbortController();
    const tormenting = torment(over.signal);
    const count = SECONDS * PODS_PER_SECOND;
    for (let at = 0; at < count; at++) {
      if (at === Math.floor(count / 2)) await cluster.restartApiServer();
      await createPod(cluster, { namespace: 'chaos', schedulerName: 'mlsched', count: 1 }, at);
      await sleep(1000 / PODS_PER_SECOND);
    }
    over.abort();
    await tormenting;

    const nodes = await untilBound(cluster, 'chaos', count);

    assert.equal(nodes.size, count);
    await until(
      'all breakers have closed',
      async () => (await scheduler.metric('mlsched_plugin_breaker_open')) === 0,
      90_000,
    );
    const applied = { point: 'score', outcome: 'applied' };
    assert.ok((await scheduler.metric('mlsched_plugin_decisions_total', applied)) > 0);
  });
});
