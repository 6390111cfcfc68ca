import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRng } from '#kernel/rng';
import { createAuthority } from '../harness/certificates.ts';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startDecisionStandIn, type DecisionStandIn, type Fault } from '../harness/decision-stand-in.ts';
import type { RunningScheduler } from '../harness/kube-scheduler.ts';
import {
  createNodes,
  drawShapes,
  findStockDisagreements,
  until,
  type NodeShape,
} from '../harness/placements.ts';
import {
  createNamespace,
  createPod,
  createPods,
  placePods,
  pluginProfile,
  untilBound,
} from '../harness/scheduler-config.ts';

/** For tests of what is decided, not of how fast: on a busy machine no call may run out of time. */
const PATIENT = { timeoutMs: 5000, slowCallMs: 5000 };
const PODS = 20;

/** What goes wrong, and how the plugin counts it; without where a probe in the background may find out first. */
const FAULTS: readonly { name: string; fault: Fault; reason?: string }[] = [
  { name: 'hung', fault: 'hung' },
  { name: 'slow-100ms', fault: { slowMs: 100 } },
  { name: 'slow-1s', fault: { slowMs: 1000 } },
  { name: 'slow-10s', fault: { slowMs: 10_000 } },
  { name: 'status-500', fault: 'status-500', reason: 'status' },
  { name: 'garbage', fault: 'garbage', reason: 'garbage' },
  { name: 'huge-body', fault: 'huge-body', reason: 'too-large' },
  { name: 'wrong-length', fault: 'wrong-length', reason: 'length' },
  { name: 'huge-scores', fault: 'huge-scores', reason: 'range' },
  { name: 'reset', fault: 'reset', reason: 'connection' },
];

const folder = mkdtempSync(join(tmpdir(), 'mlsched-plugin-'));
const standIns: DecisionStandIn[] = [];
let cluster: ControlPlane;
let scheduler: RunningScheduler;
let shapes: NodeShape[];
let shadow: DecisionStandIn;
let main: DecisionStandIn;
let filtering: DecisionStandIn;
let trio: DecisionStandIn[];
const faulty = new Map<string, DecisionStandIn>();

async function standIn(options?: Parameters<typeof startDecisionStandIn>[0]): Promise<DecisionStandIn> {
  const started = await startDecisionStandIn(options);
  standIns.push(started);
  return started;
}

/** A service whose certificate is over. */
async function startExpired(): Promise<DecisionStandIn> {
  const authority = createAuthority(folder);
  const expired = authority.issue('expired', -1);
  return standIn({ tls: { ...expired, clientCaFile: authority.caFile } });
}

/** One profile per case: each has its own circuit breakers, so that no case depends on another. */
async function profiles(): Promise<unknown[]> {
  shadow = await standIn();
  main = await standIn();
  filtering = await standIn();
  trio = await Promise.all([standIn(), standIn(), standIn()]);
  faulty.set('expired-certificate', await startExpired());
  faulty.set('killed', await standIn());
  for (const { name } of FAULTS) faulty.set(name, await standIn());
  const tls = { caFile: join(folder, 'authority.pem') };
  return [
    { schedulerName: 'default-scheduler' },
    pluginProfile('shadow', { ...PATIENT, urls: [shadow.url], influenceRatio: 0 }),
    pluginProfile('mlsched', { ...PATIENT, urls: [main.url] }),
    pluginProfile('filtering', {
      ...PATIENT,
      urls: [filtering.url],
      filter: { enabled: true, maxRejectedRatio: 0.2 },
    }),
    pluginProfile('trio', { ...PATIENT, urls: trio.map(({ url }) => url) }),
    ...[...faulty].map(([name, { url }]) =>
      pluginProfile(name, { urls: [url], ...(url.startsWith('https') ? { tls } : {}) }),
    ),
  ];
}

const isOpen = (service: DecisionStandIn): Promise<number> =>
  scheduler.metric('mlsched_plugin_breaker_open', { replica: service.url });

describe('the plugin on a real control plane', { skip: controlPlaneMissing() }, () => {
  before(async () => {
    cluster = await startControlPlane({ scheduler: false });
    scheduler = await cluster.startScheduler({ binary: 'plugin', config: { profiles: await profiles() } });
    shapes = drawShapes(24, createRng(7));
    await createNodes(cluster, shapes);
  });

  after(async () => {
    await cluster?.stop();
    await Promise.all(standIns.map((one) => one.kill()));
    rmSync(folder, { recursive: true, force: true });
  });

  test('in shadow every pod is asked about and placed where stock would', async () => {
    shadow.scoreOf = (node) => (node === 'node-000' ? 100 : 0);
    await createNamespace(cluster, 'shadow');
    const trial = { namespace: 'shadow', schedulerName: 'shadow', pods: 100, shapes };

    const disagreements = await findStockDisagreements(cluster, trial, createRng(11));

    assert.ok(disagreements.length <= 1, disagreements.join('\n'));
    assert.equal(new Set(shadow.podsAsked).size, 100);
  });

  test('pods of the default scheduler are never asked about', async () => {
    const countAsked = (): number => standIns.reduce((sum, { podsAsked }) => sum + podsAsked.length, 0);
    const before = countAsked();

    await placePods(cluster, { namespace: 'plain', count: PODS });

    assert.equal(countAsked(), before);
  });

  test('pods go to the node with the best score, and each placement is reported', async () => {
    main.scoreOf = (node) => ({ 'node-005': 100, 'node-006': -1 })[node] ?? 10;

    const nodes = await placePods(cluster, { namespace: 'steered', schedulerName: 'mlsched', count: PODS });

    assert.deepEqual(new Set(nodes.values()), new Set(['node-005']));
    await until('all placements are reported', async () =>
      [...nodes.keys()].every((pod) =>
        ['reserved', 'bound'].every((kind) => main.events.includes(`${kind} node-005 ${pod}`)),
      ),
    );
  });

  test('the filter keeps pods off a node, but never the only one that is left', async () => {
    filtering.rejected = ['node-000', 'node-001'];
    filtering.scoreOf = (node) => (filtering.rejected.includes(node) ? 100 : 50);
    const batch = { namespace: 'filtered', schedulerName: 'filtering', count: PODS };

    const nodes = await placePods(cluster, batch);
    const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-000'] }] }];
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
    const spec = { affinity: { nodeAffinity: required } };
    await createPods(cluster, { ...batch, prefix: 'pinned', count: 3, spec });
    const all = await untilBound(cluster, 'filtered', PODS + 3);

    assert.ok(![...nodes.values()].some((node) => filtering.rejected.includes(node)));
    assert.deepEqual(
      [0, 1, 2].map((at) => all.get(`pinned-${at}`)),
      ['node-000', 'node-000', 'node-000'],
    );
    const spared = { point: 'filter', outcome: 'no-other-node' };
    assert.equal(await scheduler.metric('mlsched_plugin_decisions_total', spared), 3);
  });

  for (const { name, fault, reason } of FAULTS) {
    test(`every pod is bound while the service is at fault: ${name}`, async () => {
      const service = faulty.get(name) as DecisionStandIn;
      service.scoreOf = (node) => (node === 'node-003' ? 100 : 0);
      const calls = { endpoint: '/v1/score', outcome: reason ?? 'ok' };
      const before = await scheduler.metric('mlsched_plugin_call_duration_seconds_count', calls);
      service.fault = fault;

      await placePods(cluster, { namespace: name, schedulerName: name, count: PODS });

      const after = await scheduler.metric('mlsched_plugin_call_duration_seconds_count', calls);
      // A probe in the background may have met the fault before the first pod came: then nobody was asked.
      if (reason !== undefined) assert.ok(after > before || (await isOpen(service)) === 1);
      await until('the breaker has opened', async () => (await isOpen(service)) === 1);
    });
  }

  test('an expired certificate is refused, and every pod is bound', async () => {
    const service = faulty.get('expired-certificate') as DecisionStandIn;
    await placePods(cluster, { namespace: 'expired', schedulerName: 'expired-certificate', count: PODS });

    assert.deepEqual(service.podsAsked, []);
    await until('the breaker has opened', async () => (await isOpen(service)) === 1);
  });

  test('a killed service is left alone, and used again once it is back', async () => {
    const service = faulty.get('killed') as DecisionStandIn;
    service.scoreOf = (node) => (node === 'node-009' ? 100 : 0);
    await service.kill();
    await until('the breaker has opened', async () => (await isOpen(service)) === 1);
    await placePods(cluster, { namespace: 'killed', schedulerName: 'killed', count: PODS });
    assert.deepEqual(service.podsAsked, []);

    await service.revive();
    await until('the breaker has closed', async () => (await isOpen(service)) === 0);
    await placePods(cluster, { namespace: 'revived', schedulerName: 'killed', count: PODS });

    assert.ok(service.podsAsked.length > 0);
  });

  test('a rolling restart of three replicas costs no decision', async () => {
    const applied = { point: 'score', outcome: 'applied' };
    const before = await scheduler.metric('mlsched_plugin_decisions_total', applied);
    await createNamespace(cluster, 'rolling');
    const batch = { namespace: 'rolling', schedulerName: 'trio', count: 1 };
    let created = 0;
    const over = new AbortController();
    const load = (async () => {
      while (!over.signal.aborted) {
        await createPod(cluster, batch, created++);
        await sleep(20);
      }
    })();
    for (const replica of trio) {
      // As a pod that ends: first it says so, then it is gone, then another one takes its place.
      replica.fault = 'not-ready';
      await until('its end is noticed', async () => (await isOpen(replica)) === 1);
      await replica.kill();
      await sleep(200);
      replica.fault = 'none';
      await replica.revive();
      await until('it is used again', async () => (await isOpen(replica)) === 0);
    }
    over.abort();
    await load;
    await untilBound(cluster, 'rolling', created);

    const after = await scheduler.metric('mlsched_plugin_decisions_total', applied);
    assert.equal(after - before, created);
  });

  test('every pod is bound when the API server restarts in between', async () => {
    const batch = { namespace: 'restarted', schedulerName: 'mlsched', count: PODS };
    await createNamespace(cluster, 'restarted');
    await createPods(cluster, batch);
    await cluster.restartApiServer();
    await createPods(cluster, { ...batch, prefix: 'later' });

    const nodes = await untilBound(cluster, 'restarted', 2 * PODS);

    assert.equal(nodes.size, 2 * PODS);
    assert.ok(scheduler.pid > 0);
  });
});
