import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createRng } from '#kernel/rng';

import { describeContributions } from './contribution-words.ts';
import { fitAnomalyModel } from './fit.ts';
import { createHealthMonitor } from './health-monitor.ts';
import { PeerComparison } from './peers.ts';

const METRICS = ['cpu', 'memory', 'disk', 'network'];
const STEPS = 120;
const NODES = 5;

function quiet(steps: number, seed: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: steps * METRICS.length }, () => 0.4 + 0.02 * rng.normal());
}

const model = fitAnomalyModel([{ rows: quiet(1200, 1) }], {
  metricNames: METRICS,
  stepSeconds: 300,
  seed: 1,
});

/** Five nodes, of which the first `moved` jump together at the last step. */
function replay(moved: number, peerGroups?: (string | undefined)[]) {
  const monitor = createHealthMonitor(model, { nodeCount: NODES, ...(peerGroups && { peerGroups }) });
  const histories = Array.from({ length: NODES }, (_, node) => quiet(STEPS, node + 10));
  for (let step = 0; step < STEPS; step++) {
    const scrape = histories.flatMap((rows, node) =>
      Array.from(rows.slice(step * 4, step * 4 + 4), (v) => (step === STEPS - 1 && node < moved ? 0.95 : v)),
    );
    monitor.update(Float32Array.from(scrape));
  }
  return monitor;
}

const SAME = Array.from({ length: NODES }, () => 'worker');

test('a jump of one node is its own; the same jump of all is shared and does not lower their health', () => {
  const own = replay(1, SAME).health(0);
  assert.ok(own.kind === 'scored' && own.level === 'alert' && own.healthRatio <= 0.5);
  assert.deepEqual(own.peers, { kind: 'compared', peers: 4, sharedRatio: 0 });

  const shared = replay(NODES, SAME).health(0);
  assert.ok(shared.kind === 'scored' && shared.peers.kind === 'compared');
  assert.ok(shared.peers.sharedRatio > 0.9 && shared.healthRatio > 0.9);
  assert.equal(shared.level, 'alert');
});

test('with fewer than three peers, or none named, there is no comparison and health stays as it was', () => {
  const few = replay(NODES, ['worker', 'worker', 'worker', 'master', undefined]);
  const plain = replay(NODES);
  for (const node of [0, 3]) {
    const health = few.health(node);
    assert.ok(health.kind === 'scored');
    assert.deepEqual(health.peers, { kind: 'unknown', reason: 'too-few-peers' });
    assert.equal(few.healthRatios[node], plain.healthRatios[node]);
  }
  const lonely = few.health(4);
  assert.ok(lonely.kind === 'scored');
  assert.deepEqual(lonely.peers, { kind: 'unknown', reason: 'not-grouped' });
});

test('a peer about which nothing is known counts for none', () => {
  const comparison = new PeerComparison(SAME, 1);
  const sigmas = Float32Array.of(20, 20, 20, 20, Number.NaN);
  comparison.compare(
    sigmas,
    (node) => node < 4,
    () => true,
  );
  assert.deepEqual(comparison.verdict(0), { kind: 'compared', peers: 3, sharedRatio: 1 });
  comparison.compare(
    sigmas,
    (node) => node < 3,
    () => true,
  );
  assert.deepEqual(comparison.verdict(0), { kind: 'unknown', reason: 'too-few-peers' });
});

test('moving the other way, or half as far, is not the same', () => {
  const sharedOf = (peer: number): unknown => {
    const comparison = new PeerComparison(SAME, 1);
    comparison.compare(
      Float32Array.of(20, peer, peer, peer, peer),
      () => true,
      (node) => node === 0,
    );
    const verdict = comparison.verdict(0);
    return verdict.kind === 'compared' ? verdict.sharedRatio : verdict;
  };
  assert.deepEqual([sharedOf(18), sharedOf(10), sharedOf(9), sharedOf(-20)], [1, 1, 0, 0]);
});

test('contributions read as words', () => {
  const words = describeContributions([
    { metric: 'memory', sigma: 6.2 },
    { metric: 'diskLatencyMs', sigma: 4 },
    { metric: 'network_receive', sigma: -3.4 },
  ]);
  assert.equal(words, 'memory up 6 sigma, disk latency ms up 4, network receive down 3');
  assert.equal(describeContributions([]), 'nothing stands out by itself');
});

test('a higher threshold makes fewer alerts of the same evidence', () => {
  const rows = quiet(STEPS, 30);
  rows.fill(0.95, (STEPS - 1) * 4);
  const levelAt = (thresholdMultiple: number): string => {
    const monitor = createHealthMonitor(model, { nodeCount: 1, thresholdMultiple });
    for (let step = 0; step < STEPS; step++) monitor.updateNode(0, rows, step * 4);
    return monitor.level(0);
  };
  // The soft evidence stays: verdicts are on alerts only.
  assert.deepEqual([levelAt(1), levelAt(100)], ['alert', 'suspect']);
});
