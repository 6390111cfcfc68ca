import assert from 'node:assert/strict';
import { test } from 'node:test';

import { copyHistory } from './cluster-view.ts';
import type { LoadRing } from './cluster-view.ts';

/** Two nodes, four slots, the newest value in slot 1. */
const ring: LoadRing = {
  stepSeconds: 300,
  capacity: 4,
  count: 3,
  head: 1,
  endMs: 0,
  cpuUsageRatio: Float32Array.of(2, 3, Number.NaN, 1, 20, 30, Number.NaN, 10),
  memoryUsageRatio: new Float32Array(8),
};

test('history is copied oldest first and ends with the newest window', () => {
  const out = new Float32Array(3);

  assert.equal(copyHistory(ring, ring.cpuUsageRatio, 0, out), 3);
  assert.deepEqual([...out], [1, 2, 3]);
  copyHistory(ring, ring.cpuUsageRatio, 1, out);
  assert.deepEqual([...out], [10, 20, 30]);
});

test('windows older than the ring knows are NaN, and a short target gets the newest', () => {
  const long = new Float32Array(5);
  const short = new Float32Array(1);

  assert.equal(copyHistory(ring, ring.cpuUsageRatio, 0, long), 3);
  assert.deepEqual([...long], [Number.NaN, Number.NaN, 1, 2, 3]);
  assert.equal(copyHistory(ring, ring.cpuUsageRatio, 0, short), 1);
  assert.deepEqual([...short], [3]);
});
