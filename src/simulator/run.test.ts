import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { watchPolicy } from './check-environment.ts';
import { objectiveOf, objectiveTerms } from './objective.ts';
import { BASELINE_POLICIES, findPolicy } from './policies/registry.ts';
import { prepareScenario } from './prepare.ts';
import type { PreparedScenario } from './prepare.ts';
import { playWorld, runSimulation } from './run.ts';
import { aScenario, compareNodeOrders, someTraces } from './test-fixtures.ts';
import { createWorld } from './world.ts';

const ALL = Object.keys(BASELINE_POLICIES);

function prepare(fields: Readonly<Record<string, unknown>> = {}, seed = 1): PreparedScenario {
  return prepareScenario(aScenario(fields), someTraces(), seed);
}

test('every policy leaves a sound cluster at each decision and scrape', () => {
  const prepared = prepare({
    demandRatio: 0.75,
    failures: [{ atMinutes: 30, nodes: 1, downMinutes: 30 }],
    bursts: [{ atMinutes: [20], pods: 30, lifetimeMinutes: 20 }],
  });
  for (const name of ALL) {
    const breaches: string[] = [];
    const factory = findPolicy(name);
    runSimulation({
      ...prepared,
      policy: (context) => watchPolicy(factory(context), (breach) => breaches.push(breach)),
    });

    assert.deepEqual(breaches.slice(0, 3), [], name);
  }
});

test('the same seed gives the same run bit for bit, another seed another run', () => {
  for (const name of ALL) {
    const [first, second, other] = [1, 1, 2].map((seed) =>
      runSimulation({ ...prepare({ measuredMinutes: 60 }, seed), policy: findPolicy(name), record: true }),
    );

    assert.deepEqual(second, first, name);
    assert.notDeepEqual(other?.parts, first?.parts, name);
  }
});

test('no pod is lost: each has yet to arrive, runs, waits, or has ended', () => {
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.integer({ min: 1, max: 1000 }),
        demandRatio: fc.constantFrom(0.3, 0.6, 0.9),
        failed: fc.integer({ min: 1, max: 3 }),
      }),
      ({ seed, demandRatio, failed }) => {
        const failures = [{ atMinutes: 20, nodes: failed, downMinutes: 40 }];
        const prepared = prepare({ demandRatio, failures, measuredMinutes: 90 }, seed);
        const world = createWorld({ ...prepared, policy: findPolicy('stock') });

        playWorld(world);

        const { pods } = prepared.workload;
        const runs = world.tracker.slotOfUid.filter((slot) => slot >= 0).length;
        const ended = world.state.view.workloads.finishedPods.reduce((sum, count) => sum + count, 0);
        assert.equal(pods.count, pods.count - world.nextArrival + runs + world.pending.length + ended);
        assert.equal(new Set(world.pending.map(({ uid }) => uid)).size, world.pending.length);
      },
    ),
    { numRuns: 15 },
  );
});

test('choices do not depend on the order of the nodes', () => {
  const positional = new Set(['round-robin', 'peak-oracle', 'objective-oracle']);
  for (const name of ALL.filter((policy) => !positional.has(policy))) {
    for (const seed of [1, 2, 3]) {
      const [straight, shuffled] = compareNodeOrders(findPolicy(name), seed);
      assert.deepEqual(shuffled, straight, name);
    }
  }
});

test('the planned mean demand is met', () => {
  for (const demandRatio of [0.45, 0.6]) {
    const result = runSimulation({
      ...prepare({ demandRatio, measuredMinutes: 240 }),
      policy: findPolicy('stock'),
    });
    const { demandedCpuCoreHours, nodeMinutes } = result.parts;

    const measured = demandedCpuCoreHours / ((nodeMinutes / 60) * 16);
    assert.ok(Math.abs(measured / demandRatio - 1) < 0.03, `${measured} for ${demandRatio}`);
  }
});

test('more demand never gives a better objective to the same policy', () => {
  const objectives = [0.3, 0.6, 0.9].map(
    (demandRatio) => runSimulation({ ...prepare({ demandRatio }), policy: findPolicy('stock') }).objective,
  );

  assert.deepEqual(
    [...objectives].sort((a, b) => a - b),
    objectives,
  );
});

test('a failed node takes no pod while it is down and its pods move', () => {
  const prepared = prepare({ failures: [{ atMinutes: 30, nodes: 2, downMinutes: 30 }] });
  const seen = { down: 0, chosenDown: 0 };
  runSimulation({
    ...prepared,
    policy: (context) => {
      const stock = findPolicy('stock')(context);
      return {
        name: 'watched',
        onScrape(view) {
          seen.down = Math.max(seen.down, view.nodes.isReady.filter((ready) => ready === 0).length);
        },
        choose(pod, view, feasible, feasibleCount) {
          const chosen = stock.choose(pod, view, feasible, feasibleCount);
          if (view.nodes.isReady[chosen] === 0) seen.chosenDown++;
          return chosen;
        },
      };
    },
  });

  assert.deepEqual(seen, { down: 2, chosenDown: 0 });
});

test('memory beyond a node kills pods until it fits, and they come back', () => {
  const prepared = prepare({ memoryDemandRatio: 1, memoryRequestToUseRatio: 0.5, demandRatio: 0.6 });
  const result = runSimulation({ ...prepared, policy: findPolicy('random') });

  assert.ok(result.parts.oomKills > 0);
  assert.ok(result.placements > result.parts.pods);
});

test('the spread of a burst is the busiest node over the mean of the suitable nodes', () => {
  const bursts = [{ atMinutes: [10, 60], pods: 8, lifetimeMinutes: 5 }];
  const prepared = prepare({ bursts, demandRatio: 0.3 });
  const even = runSimulation({ ...prepared, policy: findPolicy('round-robin') });
  const herd = runSimulation({
    ...prepared,
    policy: () => ({ name: 'herd', choose: (_pod, _view, feasible) => feasible[0] as number }),
  });

  assert.equal(even.burstPeakToMeanRatio, 1);
  assert.equal(herd.burstPeakToMeanRatio, 4);
  assert.ok(even.burstLoadPeakToMeanRatio >= 1);
  assert.ok(herd.burstLoadPeakToMeanRatio > even.burstLoadPeakToMeanRatio);
  assert.ok(Number.isNaN(runSimulation({ ...prepare(), policy: findPolicy('random') }).burstPeakToMeanRatio));
});

test('pods that fit no node wait for ever, are counted once, and hinder nobody else', () => {
  const prepared = prepare({ demandRatio: 0.3 });
  const owners = prepared.workload.owners.map((owner, i) =>
    i === 0 ? { ...owner, cpuRequestMillicores: 1_000_000 } : owner,
  );
  const impossible = [...prepared.workload.pods.ownerId].filter((owner, uid) => {
    const arrival = prepared.workload.pods.arrivalSeconds[uid] as number;
    return owner === 0 && arrival >= 0;
  }).length;
  const { parts } = runSimulation({
    ...prepared,
    workload: { ...prepared.workload, owners },
    policy: findPolicy('target-load-packing'),
  });
  const all = [...prepared.workload.pods.ownerId].filter((owner) => owner === 0).length;

  assert.ok(all > 0);
  assert.equal(parts.neverScheduledPods, all);
  assert.equal(parts.unschedulablePods, impossible);
  assert.ok(parts.pods > impossible);
});

test('an abstaining policy gets the choices of stock', () => {
  const prepared = prepare();
  const stock = runSimulation({ ...prepared, policy: findPolicy('stock') });
  const shy = runSimulation({ ...prepared, policy: () => ({ name: 'shy', choose: () => -1 }) });

  assert.ok(shy.abstentions > 0);
  assert.ok(Math.abs(shy.parts.imbalanceRatio - stock.parts.imbalanceRatio) < 0.05);
});

test('a policy that answers with a node that has no room is refused', () => {
  assert.throws(() => runSimulation({ ...prepare(), policy: () => ({ name: 'wild', choose: () => 99 }) }), {
    code: 'MLS_SIMULATOR_CHOICE_INFEASIBLE',
  });
});

test('the objective is the weighted sum that the design fixes', () => {
  const parts = {
    ...runSimulation({ ...prepare(), policy: findPolicy('stock') }).parts,
    lostCpuCoreHours: 2,
    demandedCpuCoreHours: 100,
    overloadNodeMinutes80: 30,
    nodeMinutes: 300,
    oomKills: 1,
    pods: 500,
    imbalanceRatio: 0.1,
    unschedulablePods: 25,
  };

  // 100 x 0.02 + 50 x 0.1 + 2 + 20 x 0.1 + 30 x 0.05.
  assert.ok(Math.abs(objectiveOf(parts) - 12.5) < 1e-12);
  assert.equal(objectiveTerms(parts).oomKills, 2);
});
