import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import type { ClusterView, PodSpec } from '#domain';

import { aClusterView, aPod } from '../placement/view-fixture.ts';
import { BurstGuard, DEFAULT_BURST_GUARD } from './burst-guard.ts';

const config = { ...DEFAULT_BURST_GUARD, shareLimit: 1.3, smallestShare: 4 };

/** A cluster whose nodes hold this many young pods of workload 0 each. */
function inFlight(counts: readonly number[], ownerId = 0): ClusterView {
  const pods = counts.flatMap((count, node) => Array.from({ length: count }, () => ({ node, ownerId })));
  return aClusterView({
    nodes: counts.length,
    ownerCpuRatios: [0.5, 0.5],
    pods: pods.map((pod) => ({ ...pod, ageSeconds: 10 })),
  });
}

function allowedNodes(view: ClusterView, pod: PodSpec = aPod(), settings = config): number[] {
  const candidates = Int32Array.from({ length: view.nodeCount }, (_, node) => node);
  const kept = new BurstGuard(settings).filter(pod, view, { candidates, count: view.nodeCount });
  return [...kept.candidates.subarray(0, kept.count)];
}

test('a node that has taken 1.3 times its share of a burst is held back', () => {
  // 24 in flight and this one: an even share of 6.25, so at most 8 on one node.
  assert.deepEqual(allowedNodes(inFlight([8, 7, 5, 4])), [1, 2, 3]);
});

test('few pods in flight are no burst, and neither are those of other workloads or old ones', () => {
  assert.deepEqual(allowedNodes(inFlight([5, 0, 0, 0])), [1, 2, 3]);
  assert.deepEqual(allowedNodes(inFlight([4, 0, 0, 0])), [0, 1, 2, 3]);
  assert.deepEqual(allowedNodes(inFlight([20, 0, 0, 0], 1)), [0, 1, 2, 3]);
  assert.deepEqual(
    allowedNodes(inFlight([20, 0, 0, 0]), aPod(), { ...config, windowSeconds: 5 }),
    [0, 1, 2, 3],
  );
  assert.deepEqual(allowedNodes(inFlight([20, 0, 0, 0]), aPod(), { ...config, shareLimit: 0 }), [0, 1, 2, 3]);
});

test('there is always a node left, and none passes its limit, whatever the order of choices', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 12 }),
      fc.integer({ min: 1, max: 150 }),
      fc.infiniteStream(fc.nat()),
      (nodes, pods, picks) => {
        const counts = Array.from({ length: nodes }, () => 0);
        const pick = picks[Symbol.iterator]();
        for (let i = 0; i < pods; i++) {
          const allowed = allowedNodes(inFlight(counts));
          assert.ok(allowed.length > 0);
          const node = allowed[(pick.next().value ?? 0) % allowed.length] as number;
          counts[node] = (counts[node] as number) + 1;
        }
        const limit = config.shareLimit * Math.max(pods / nodes, config.smallestShare);
        return Math.max(...counts) <= limit;
      },
    ),
    { numRuns: 30 },
  );
});
