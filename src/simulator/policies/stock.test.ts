import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GIB } from '#kernel/units';

import { aBestEffortPod, aCluster, allNodes, aPod } from '../test-fixtures.ts';
import { mostAllocatedOf, mostAllocatedScore } from './most-allocated.ts';
import {
  balancedAllocationScore,
  createStock,
  feasibleNodesToFind,
  leastAllocatedOf,
  leastAllocatedScore,
  stockScore,
} from './stock.ts';

const context = { seed: 1, artefacts: new Map(), future: undefined };

test('least allocated is the free share in whole percent, as integer division gives it', () => {
  assert.equal(leastAllocatedOf(4000, 1500), 62);
  assert.equal(leastAllocatedOf(4000, 4000), 0);
  assert.equal(leastAllocatedOf(4000, 4001), 0);
  assert.equal(leastAllocatedOf(0, 0), 0);
});

test('most allocated is the used share in whole percent', () => {
  assert.equal(mostAllocatedOf(4000, 1500), 37);
  assert.equal(mostAllocatedOf(4000, 5000), 100);
});

test('stock adds least allocated and balanced allocation as worked out by hand', () => {
  const there = aPod({ cpuRequestMillicores: 1000, memoryRequestBytes: 2 * GIB });
  const state = aCluster([{ cpuMillicores: 4000, memoryBytes: 8 * GIB, pods: [there] }]);
  const pod = aPod({ cpuRequestMillicores: 500, memoryRequestBytes: GIB });

  // CPU (4000 - 1500) / 4000 = 62.5 %, memory (8 - 3) / 8 = 62.5 %. Balance is 100 with and without the pod.
  assert.equal(leastAllocatedScore(pod, state.view, 0), 62);
  assert.equal(balancedAllocationScore(pod, state.view, 0), 75);
  assert.equal(stockScore(pod, state.view, 0), 137);
  assert.equal(mostAllocatedScore(pod, state.view, 0), 37);
});

test('balanced allocation rewards a pod that evens out a node and punishes one that tips it', () => {
  const pod = aPod({ cpuRequestMillicores: 2000, memoryRequestBytes: 2 * GIB });
  const mirror = aPod({ cpuRequestMillicores: 1000, memoryRequestBytes: 4 * GIB });
  const size = { cpuMillicores: 4000, memoryBytes: 8 * GIB };
  const state = aCluster([size, { ...size, pods: [mirror] }]);

  // Empty: fractions 0.5 and 0.25 balance to 87, before 100: 50 + trunc((50 - 13) / 2) = 68.
  assert.equal(balancedAllocationScore(pod, state.view, 0), 68);
  // Fractions 0.25 and 0.5 balance to 87, then 0.75 and 0.75 to 100: 50 + trunc((50 + 13) / 2) = 81.
  assert.equal(balancedAllocationScore(pod, state.view, 1), 81);
});

test('a pod without requests counts 100 m and 200 MiB for least allocated and skips balanced allocation', () => {
  const state = aCluster([{ cpuMillicores: 1000, memoryBytes: 2000 * 1024 * 1024 }]);

  assert.equal(leastAllocatedScore(aBestEffortPod(), state.view, 0), 90);
  assert.equal(balancedAllocationScore(aBestEffortPod(), state.view, 0), 0);
});

test('the number of nodes to find follows kube-scheduler', () => {
  const cases = [
    [50, 50],
    [99, 99],
    [100, 100],
    [1000, 420],
    [5000, 500],
    [10_000, 500],
  ] as const;
  for (const [nodes, wanted] of cases) assert.equal(feasibleNodesToFind(nodes), wanted);
});

test('stock looks at the next sample of a large cluster each time', () => {
  const state = aCluster(Array.from({ length: 300 }, () => ({})));
  const stock = createStock(context);
  const nodes = allNodes(state);

  // 300 nodes: 48 %, 144 nodes a sample. All are equal, so the choice falls within the sample.
  const first = stock.choose(aPod(), state.view, nodes, 300);
  const second = stock.choose(aPod(), state.view, nodes, 300);
  const third = stock.choose(aPod(), state.view, nodes, 300);

  assert.ok(first < 144);
  assert.ok(second >= 144 && second < 288);
  assert.ok(third >= 288 || third < 132);
});
