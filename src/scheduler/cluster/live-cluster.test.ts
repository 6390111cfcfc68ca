import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { createManualClock } from '#kernel/clock';
import { GIB } from '#kernel/units';
import { findViewBreaches } from '#simulator';

import { START_MS, aLoad, aNode, aPod, aRequest, set } from '../test-fixtures.ts';
import { createLiveCluster } from './live-cluster.ts';
import type { LiveCluster } from './types.ts';

function aCluster(names: readonly string[]) {
  const clock = createManualClock(START_MS);
  const cluster = createLiveCluster({ clock, tickSeconds: 30, staleSeconds: 120, reserveTtlSeconds: 300 });
  cluster.applyNodes(names.map((name) => set(aNode(name))));
  cluster.rebuild();
  return { clock, cluster };
}

function requestedOn(cluster: LiveCluster, node: string): number {
  return cluster.view.nodes.cpuRequestedMillicores[cluster.rowOf(node)] as number;
}

function eventOf(type: 'reserved' | 'unreserved' | 'bound', name: string, node: string) {
  return { type, podUid: `uid-${name}`, namespace: 'shop', name, node };
}

test('nodes have the same rows whatever the order in which they were seen', () => {
  const { cluster } = aCluster(['c', 'a', 'b']);
  assert.deepEqual(cluster.view.nodeNames, ['a', 'b', 'c']);
});

test('a pod counts from its reservation on, once, until it is gone', () => {
  const { cluster } = aCluster(['a', 'b']);
  cluster.describePod(aRequest('p', { cpuRequestMillicores: 700 }));
  assert.equal(cluster.applyEvents([eventOf('reserved', 'p', 'a')]), 1);
  assert.equal(requestedOn(cluster, 'a'), 700);
  cluster.applyEvents([eventOf('bound', 'p', 'a')]);
  assert.equal(requestedOn(cluster, 'a'), 700);
  cluster.applyPods([set(aPod('p', { nodeName: 'a', cpuRequestMillicores: 700 }))]);
  assert.equal(requestedOn(cluster, 'a'), 700);
  cluster.applyPods([{ type: 'removed', uid: 'uid-p', namespace: 'shop', name: 'p' }]);
  assert.equal(requestedOn(cluster, 'a'), 0);
  assert.deepEqual(findViewBreaches(cluster.view), []);
});

test('a reservation is taken back when the scheduler says so, and when nothing confirms it', () => {
  const { cluster, clock } = aCluster(['a']);
  cluster.applyPods([set(aPod('p')), set(aPod('q'))]);
  cluster.applyEvents([eventOf('reserved', 'p', 'a'), eventOf('reserved', 'q', 'a')]);
  assert.equal(requestedOn(cluster, 'a'), 200);
  cluster.applyEvents([eventOf('unreserved', 'p', 'a')]);
  assert.equal(requestedOn(cluster, 'a'), 100);
  clock.advance(301_000);
  cluster.recordLoad(aLoad({ a: 0.5 }, clock.nowMs()));
  assert.equal(requestedOn(cluster, 'a'), 0);
});

test('what the API server shows wins over what was reported', () => {
  const { cluster } = aCluster(['a', 'b']);
  cluster.applyPods([set(aPod('p'))]);
  cluster.applyEvents([eventOf('reserved', 'p', 'a')]);
  cluster.applyPods([set(aPod('p', { nodeName: 'b' }))]);
  cluster.applyEvents([eventOf('bound', 'p', 'a'), eventOf('reserved', 'p', 'a')]);
  assert.equal(requestedOn(cluster, 'a'), 0);
  assert.equal(requestedOn(cluster, 'b'), 100);
});

test('a pod made anew under its name is another pod', () => {
  const { cluster } = aCluster(['a', 'b']);
  cluster.applyPods([set(aPod('p', { nodeName: 'a' }))]);
  cluster.applyPods([set(aPod('p', { uid: 'new', nodeName: 'b' }))]);
  assert.equal(requestedOn(cluster, 'a'), 0);
  assert.equal(requestedOn(cluster, 'b'), 100);
  // The removal of the old one comes late.
  cluster.applyPods([{ type: 'removed', uid: 'uid-p', namespace: 'shop', name: 'p' }]);
  assert.equal(requestedOn(cluster, 'b'), 100);
});

test('nodes come and go, and keep their load and pods meanwhile', () => {
  const { cluster, clock } = aCluster(['b', 'c']);
  cluster.applyPods([set(aPod('p', { nodeName: 'c' })), set(aPod('q', { nodeName: 'a' }))]);
  cluster.recordLoad(aLoad({ b: 0.2, c: 0.6 }, clock.nowMs()));
  cluster.applyNodes([set(aNode('a')), { type: 'removed', uid: 'uid-b', namespace: '', name: 'b' }]);
  assert.equal(cluster.needsRebuild, true);
  cluster.rebuild();
  assert.deepEqual(cluster.view.nodeNames, ['a', 'c']);
  assert.equal(requestedOn(cluster, 'a'), 100);
  assert.equal(requestedOn(cluster, 'c'), 100);
  assert.ok(Math.abs((cluster.view.metrics.cpu.latestRatio[1] as number) - 0.6) < 1e-6);
  assert.equal(cluster.isFresh(0), false);
  assert.equal(cluster.isFresh(1), true);
  assert.deepEqual(findViewBreaches(cluster.view), []);
});

test('a missed scrape is bridged, older load is unknown, and wrong numbers never count', () => {
  const { cluster, clock } = aCluster(['a', 'b', 'c']);
  cluster.recordLoad(aLoad({ a: 0.5, b: 7, c: Number.NaN }, clock.nowMs()));
  assert.deepEqual(
    [0, 1, 2].map((row) => cluster.isFresh(row)),
    [true, false, false],
  );
  clock.advance(90_000);
  cluster.recordLoad({ nodes: new Map(), pods: undefined });
  assert.equal(cluster.isFresh(0), true);
  clock.advance(60_000);
  cluster.recordLoad({ nodes: new Map(), pods: undefined });
  assert.equal(cluster.isFresh(0), false);
  assert.ok(Number.isNaN(cluster.view.metrics.cpu.latestRatio[0]));
});

test('load from a clock far ahead is not believed', () => {
  const { cluster, clock } = aCluster(['a']);
  cluster.recordLoad(aLoad({ a: 0.5 }, clock.nowMs() + 60_000));
  assert.equal(cluster.isFresh(0), false);
});

test('pods that the scheduler has assumed and nobody reported are in flight; a lasting difference is not', () => {
  const { cluster, clock } = aCluster(['a']);
  const row = Int32Array.of(0);
  cluster.reconcileRequested(row, [[500, GIB, 1]]);
  assert.equal(requestedOn(cluster, 'a'), 500);
  cluster.reconcileRequested(row, [[500, GIB, 1]]);
  assert.equal(requestedOn(cluster, 'a'), 500);
  // The watch shows the pod: the stand-in leaves.
  cluster.applyPods([set(aPod('p', { nodeName: 'a', cpuRequestMillicores: 500 }))]);
  cluster.reconcileRequested(row, [[500, GIB, 1]]);
  assert.equal(requestedOn(cluster, 'a'), 500);
  // Another way of counting.
  cluster.reconcileRequested(row, [[800, GIB, 1]]);
  assert.equal(requestedOn(cluster, 'a'), 800);
  clock.advance(180_000);
  cluster.reconcileRequested(row, [[800, GIB, 1]]);
  assert.equal(requestedOn(cluster, 'a'), 500);
  cluster.reconcileRequested(row, [[900, GIB, 1]]);
  assert.equal(requestedOn(cluster, 'a'), 600);
});

test('the past fills the 5-minute windows on their grid', () => {
  const { cluster } = aCluster(['a']);
  for (let back = 20; back >= 0; back--) {
    const atMs = START_MS - back * 300_000;
    cluster.recordPast(aLoad({ a: back / 100 }, atMs), atMs);
  }
  const { history } = cluster.view;
  assert.equal(history.endMs, START_MS);
  assert.ok(history.count >= 20);
  assert.equal(history.cpuUsageRatio[history.head], 0);
});

test('of a burst every pod is told once, daemon pods too', () => {
  const { cluster } = aCluster(['a']);
  const told: string[] = [];
  cluster.onBound(({ name }) => told.push(name));
  cluster.applyPods([set(aPod('p')), set(aPod('p', { nodeName: 'a' })), set(aPod('p', { nodeName: 'a' }))]);
  cluster.describePod(aRequest('q'));
  cluster.applyEvents([eventOf('bound', 'q', 'a')]);
  cluster.applyPods([set(aPod('q', { nodeName: 'a' }))]);
  assert.deepEqual(told, ['p', 'q']);
});

const podName = fc.constantFrom('p0', 'p1', 'p2', 'p3', 'p4');
const nodeName = fc.constantFrom('a', 'b', 'c', 'd');
const uid = fc.constantFrom('u1', 'u2');
const step = fc.oneof(
  fc.record({ do: fc.constant('node' as const), name: nodeName, isReady: fc.boolean() }),
  fc.record({ do: fc.constant('node-gone' as const), name: nodeName }),
  fc.record({ do: fc.constant('pending' as const), pod: podName, uid }),
  fc.record({ do: fc.constant('bound' as const), pod: podName, uid, node: nodeName, cpu: fc.nat(500) }),
  fc.record({ do: fc.constant('gone' as const), pod: podName, uid }),
  fc.record({
    do: fc.constant('event' as const),
    type: fc.constantFrom('reserved' as const, 'unreserved' as const, 'bound' as const),
    pod: podName,
    uid,
    node: nodeName,
  }),
  fc.record({ do: fc.constant('describe' as const), pod: podName, uid }),
  fc.record({ do: fc.constant('requested' as const), row: fc.nat(3), cpu: fc.nat(2000) }),
  fc.record({ do: fc.constant('tick' as const), seconds: fc.nat(400) }),
  fc.record({ do: fc.constant('rebuild' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

type Doing<Name extends Step['do']> = Extract<Step, { do: Name }>;

const DO: {
  readonly [Name in Step['do']]: (
    cluster: LiveCluster,
    one: Doing<Name>,
    clock: ReturnType<typeof createManualClock>,
  ) => void;
} = {
  node: (cluster, { name, isReady }) => cluster.applyNodes([set(aNode(name, { isReady }))]),
  'node-gone': (cluster, { name }) => cluster.applyNodes([{ type: 'removed', uid: '', namespace: '', name }]),
  pending: (cluster, { pod, uid }) => cluster.applyPods([set(aPod(pod, { uid }))]),
  bound: (cluster, { pod, uid, node, cpu }) =>
    cluster.applyPods([set(aPod(pod, { uid, nodeName: node, cpuRequestMillicores: cpu }))]),
  gone: (cluster, { pod, uid }) =>
    cluster.applyPods([{ type: 'removed', uid, namespace: 'shop', name: pod }]),
  event: (cluster, { type, pod, uid, node }) =>
    void cluster.applyEvents([{ type, podUid: uid, namespace: 'shop', name: pod, node }]),
  describe: (cluster, { pod, uid }) => void cluster.describePod(aRequest(pod, { uid })),
  requested(cluster, { row, cpu }) {
    if (row < cluster.view.nodeCount) cluster.reconcileRequested(Int32Array.of(row), [[cpu, GIB, 1]]);
  },
  tick(cluster, { seconds }, clock) {
    clock.advance(seconds * 1000);
    cluster.recordLoad(aLoad({ a: 0.1, b: 0.2, c: 0.3, d: 0.4 }, clock.nowMs()));
  },
  rebuild: (cluster) => cluster.rebuild(),
};

function apply(cluster: LiveCluster, clock: ReturnType<typeof createManualClock>, one: Step): void {
  (DO[one.do] as (cluster: LiveCluster, one: Step, clock: unknown) => void)(cluster, one, clock);
}

test('whatever happens in whatever order, the sums add up and everything can go away again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { cluster, clock } = aCluster(['a', 'b']);
      for (const one of steps) apply(cluster, clock, one);
      assert.deepEqual(findViewBreaches(cluster.view), []);
      for (const pod of ['p0', 'p1', 'p2', 'p3', 'p4'])
        for (const one of ['u1', 'u2'])
          cluster.applyPods([{ type: 'removed', uid: one, namespace: 'shop', name: pod }]);
      cluster.rebuild();
      assert.ok(cluster.view.nodes.cpuRequestedMillicores.every((sum) => sum === 0));
      assert.ok(cluster.view.nodes.podCount.every((count) => count === 0));
    }),
    { numRuns: 300 },
  );
});
