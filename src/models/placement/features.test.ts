import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { CANDIDATE_FEATURES, CONTEXT_FEATURES, ROW_COUNT, createFeatureEncoder } from './features.ts';
import { expectedExcess, normalCdf, shareAbove } from './load-cost.ts';
import { createOutlook, livedShare } from './outlook.ts';
import type { Outlook } from './outlook.ts';
import { unknownSignals } from './signals.ts';
import { createUsageProfile } from './usage-profile.ts';
import { aClusterView, aPod } from './view-fixture.ts';
import type { FixtureCluster } from './view-fixture.ts';

function outlookOf(cluster: FixtureCluster): Outlook {
  const view = aClusterView(cluster);
  const outlook = createOutlook(createUsageProfile());
  outlook.profile.observe(view);
  outlook.refresh(view);
  return outlook;
}

function encode(cluster: FixtureCluster, order?: readonly number[]): Map<string, number>[] {
  const view = aClusterView(cluster);
  const outlook = outlookOf(cluster);
  const encoder = createFeatureEncoder(outlook);
  encoder.refresh(view);
  const candidates = Int32Array.from(order ?? Array.from({ length: cluster.nodes }, (_, i) => i));
  const count = candidates.length;
  const rows = encoder.encode({
    view,
    pod: aPod(),
    candidates,
    count,
    signals: unknownSignals(view.nodeCount),
  });
  const names = [...CANDIDATE_FEATURES, ...CONTEXT_FEATURES];
  return Array.from(
    { length: count },
    (_, i) => new Map(names.map((name, c) => [name, rows[i * ROW_COUNT + c] as number])),
  );
}

test('a pod in flight counts with what its workload is known to use', () => {
  const outlook = outlookOf({
    nodes: 2,
    pods: [{ node: 1, ownerId: 0, cpuRequestMillicores: 2000, ageSeconds: 10 }],
    ownerCpuRatios: [0.25],
  });

  assert.equal(outlook.cpuInFlightRatio(0), 0);
  assert.ok(Math.abs(outlook.cpuInFlightRatio(1) - 0.05) < 1e-3);
});

test('a pod bound since the last scrape counts at once, and only once', () => {
  const before: FixtureCluster = { nodes: 2, pods: [], ownerCpuRatios: [0.5] };
  const outlook = outlookOf(before);
  const after = aClusterView({ ...before, pods: [{ node: 0, ageSeconds: -5 }] });
  outlook.countNewBindings(after);
  outlook.countNewBindings(after);

  assert.ok(Math.abs(outlook.cpuInFlightRatio(0) - 0.05) < 1e-3);
  outlook.profile.observe(after);
  outlook.refresh(after);
  assert.ok(Math.abs(outlook.cpuInFlightRatio(0) - 0.05) < 1e-3);
});

test('load that no pod explains stays, load of pods fades with their expected life', () => {
  const pods = [{ node: 0, cpuUsageMillicores: 1000, ageSeconds: 60 }];
  const outlook = outlookOf({ nodes: 1, pods, cpuRatio: [0.4], ownerCpuRatios: [1] });

  const soon = outlook.cpuRatio(0, 900);
  const late = outlook.cpuRatio(0, 14_400);
  assert.ok(soon > late, `${soon} ${late}`);
  assert.ok(late > 0.3 && soon < 0.41);
  assert.ok(Math.abs(livedShare(3600, 3600) - (1 - Math.exp(-1))) < 1e-12);
});

test('an unknown workload is expected to use what workloads use on average', () => {
  const outlook = outlookOf({ nodes: 1, ownerCpuRatios: [0.2, 0.6, Number.NaN] });

  const unknown = outlook.profile.estimate(aPod({ ownerId: 2 }));
  assert.ok(Math.abs(unknown.cpuMillicores - 400) < 5);
  assert.equal(unknown.samples, 0);
  const known = outlook.profile.estimate(aPod({ ownerId: 0 }));
  assert.ok(known.cpuMillicores < 215 && known.cpuMillicores > 195);
});

test('rows are finite whatever is unknown, and follow their candidates in any order', () => {
  const ratio = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(Number.NaN));
  fc.assert(
    fc.property(fc.array(ratio, { minLength: 4, maxLength: 4 }), (cpuRatio) => {
      const cluster = { nodes: 4, cpuRatio, memoryRatio: cpuRatio, pods: [{ node: 2 }] };
      const straight = encode(cluster);
      const turned = encode(cluster, [3, 1, 0, 2]);
      for (const row of straight) for (const [name, value] of row) assert.ok(Number.isFinite(value), name);
      [3, 1, 0, 2].forEach((node, i) => {
        for (const [name, value] of straight[node] as Map<string, number>) {
          // Ranks of equal loads depend on the order; all else must not.
          const distance = Math.abs(value - (turned[i]?.get(name) ?? Number.NaN));
          if (name !== 'expectedRank') assert.ok(distance < 1e-5, name);
        }
      });
    }),
  );
});

test('zero capacity gives finite rows', () => {
  const view = aClusterView({ nodes: 2 });
  view.nodes.cpuCapacityMillicores[0] = 0;
  view.nodes.memoryCapacityBytes[0] = 0;
  const outlook = createOutlook(createUsageProfile());
  outlook.profile.observe(view);
  outlook.refresh(view);
  const candidates = Int32Array.of(0, 1);
  const signals = unknownSignals(2);
  const rows = createFeatureEncoder(outlook).encode({ view, pod: aPod(), candidates, count: 2, signals });

  assert.ok(rows.every(Number.isFinite));
});

test('normal tail, share above and expected excess agree with known values', () => {
  assert.ok(Math.abs(normalCdf(1.959964) - 0.975) < 1e-6);
  assert.ok(Math.abs(shareAbove(0.8, 0.1, 0.8) - 0.5) < 1e-6);
  assert.ok(Math.abs(expectedExcess(1, 0.1, 1) - 0.1 * 0.39894228) < 1e-8);
  assert.equal(shareAbove(0.9, 0, 0.8), 1);
  assert.ok(Math.abs(expectedExcess(1.2, 0, 1) - 0.2) < 1e-12);
});
