import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { createManualClock } from '#kernel/clock';
import { silentLog } from '#kernel/log';
import { createRng } from '#kernel/rng';
import { HOUR_MS } from '#kernel/units';

import type { BoundRecord, DecisionRecord, JournalRecord, OutcomeRecord } from '../journal/record.ts';
import { START_MS } from '../test-fixtures.ts';
import { armOf } from './arm.ts';
import { createRolloutController } from './controller.ts';
import { createRolloutGuard } from './guard.ts';
import { INITIAL_ROLLOUT, bucketOf, changeRollout, stepBack } from './state.ts';
import { createFileRolloutStore, setRollout, undoLastRollout } from './store.ts';
import { judgeShadow } from './verdict.ts';

function aDecision(i: number, fields: Partial<DecisionRecord> = {}): DecisionRecord {
  const node = (name: string) => ({
    node: name,
    total: 0.6,
    parts: {
      forecast: { kind: 'scored' as const, score: 0.6 },
      placement: { kind: 'scored' as const, score: 0.6 },
      health: { kind: 'scored' as const, score: 1 },
    },
    evidence: {
      cpuNowRatio: 0.4,
      cpuInFlightRatio: 0,
      cpuExpectedRatio: 0.4,
      forecastHorizonMinutes: 30,
      cpuForecastMedianRatio: 0.4,
      cpuForecastHigh95Ratio: 0.5,
      memoryRatio: 0.4,
      cpuRequestedRatio: 0.4,
      memoryRequestedRatio: 0.4,
      healthRatio: 1,
      podCpuRatio: 0.01,
    },
  });
  return {
    schemaVersion: 1,
    kind: 'decision',
    id: `d${i}`,
    atMs: START_MS + i * 60_000,
    replica: 'one',
    front: 'plugin',
    pod: {
      namespace: 'shop',
      name: `p${i}`,
      uid: `u${i}`,
      owner: 'Deployment/shop/web',
      schedulerName: 'mlsched',
      cpuRequestMillicores: 100,
      memoryRequestBytes: 1e8,
      priority: 0,
    },
    mode: 'shadow',
    arm: 'shadow',
    percent: 0,
    bucket: 1,
    outcome: 'abstained',
    reason: 'shadow',
    candidates: 10,
    unknownNodes: 0,
    chosen: node('a'),
    runnerUp: node('b'),
    margin: 0.05,
    meanTotal: 0.5,
    flips: [],
    models: {},
    tookMs: 1,
    ...fields,
  };
}

function anOutcome(i: number, fields: Partial<OutcomeRecord> = {}): OutcomeRecord {
  return {
    schemaVersion: 1,
    kind: 'outcome',
    atMs: START_MS + i * 60_000,
    replica: 'one',
    decisionId: `d${i}`,
    arm: 'shadow',
    node: 'c',
    preferredNode: 'a',
    predictedCpuRatio: 0.5,
    realisedCpuRatio: 0.55,
    preferredRealisedCpuRatio: 0.4,
    wasOverloaded: false,
    ...fields,
  };
}

test('buckets are even, and the arm of a workload depends on nothing but its name', () => {
  const counts = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 20_000; i++) {
    const tenth = Math.floor(bucketOf(`Deployment/ns-${i % 40}/app-${i}`) / 10);
    counts[tenth] = (counts[tenth] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(count > 1700 && count < 2300, counts.join());
  fc.assert(
    fc.property(fc.string(), fc.nat(100), fc.nat(100), (owner, low, more) => {
      const at = (percent: number) => armOf({ ...INITIAL_ROLLOUT, mode: 'active', percent }, owner, 'p').arm;
      if (at(Math.min(low, more)) === 'treated') assert.equal(at(Math.max(low, more)), 'treated');
    }),
  );
});

test('a change can be undone, and of two at once one is refused', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'mlsched-rollout-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const store = createFileRolloutStore(join(directory, 'rollout.json'));
  await assert.rejects(undoLastRollout(store, 1), { code: 'MLS_SCHEDULER_NOTHING_TO_UNDO' });
  const change = { mode: 'active', atMs: 1, by: 'operator', reason: 'test' } as const;
  await setRollout(store, { ...change, percent: 10 });
  const seen = await store.read();
  await setRollout(store, { ...change, percent: 50 });
  await assert.rejects(store.replace(seen, changeRollout(seen, { ...change, percent: 100 })), {
    code: 'MLS_SCHEDULER_ROLLOUT_CONFLICT',
  });
  assert.equal((await undoLastRollout(store, 2)).percent, 10);
  assert.equal((await undoLastRollout(store, 3)).mode, 'shadow');
  assert.equal((await store.read()).mode, 'shadow');
});

test('the guard steps back along the steps, to shadow at last', () => {
  const at = (percent: number) => stepBack({ ...INITIAL_ROLLOUT, mode: 'active', percent });
  assert.deepEqual(
    [at(100), at(75), at(50), at(10)].map(({ percent }) => percent),
    [50, 50, 10, 0],
  );
  assert.equal(at(10).mode, 'shadow');
});

async function aController(t: import('node:test').TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'mlsched-rollout-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const store = createFileRolloutStore(join(directory, 'rollout.json'));
  await setRollout(store, { mode: 'active', percent: 50, atMs: 1, by: 'operator', reason: 'test' });
  const clock = createManualClock(START_MS + 10 * HOUR_MS);
  const guard = createRolloutGuard();
  const controller = createRolloutController({ store, guard, clock, log: silentLog });
  await controller.refresh();
  return { store, guard, controller };
}

test('a model that overloads nodes is stepped back, and the reason is stored', async (t) => {
  const { store, guard, controller } = await aController(t);
  for (let i = 0; i < 400; i++) {
    const arm = i % 2 === 0 ? ('treated' as const) : ('control' as const);
    guard.decided(aDecision(i, { arm, mode: 'active', outcome: 'scored', reason: '' }));
    guard.bound(`u${i}`);
    guard.judged(anOutcome(i, { arm, wasOverloaded: arm === 'treated' ? i % 4 === 0 : i % 20 === 1 }));
  }
  await controller.protect();
  const state = await store.read();
  assert.equal(state.percent, 10);
  assert.equal(state.changedBy, 'guard');
  assert.match(state.reason, /overloaded/);
  assert.equal(controller.state.percent, 10);
  // What was seen at 50 % says nothing of 10 %.
  await controller.protect();
  assert.equal((await store.read()).percent, 10);
});

test('errors, abstentions, slowness and pods left waiting each step back; a sound rollout stays', async (t) => {
  const sound = { mode: 'active', outcome: 'scored', reason: '', arm: 'treated' } as const;
  const cases: readonly (readonly [RegExp | undefined, (i: number) => Partial<DecisionRecord>, boolean])[] = [
    [undefined, () => sound, true],
    [
      /failed/,
      (i) => (i % 50 === 0 ? { ...sound, outcome: 'abstained', reason: 'internal-error' } : sound),
      true,
    ],
    [/abstained/, (i) => (i % 3 === 0 ? { ...sound, outcome: 'abstained', reason: 'stale' } : sound), true],
    [/P99/, (i) => (i % 20 === 0 ? { ...sound, tookMs: 200 } : sound), true],
    [/wait/, () => sound, false],
  ];
  for (const [reason, fieldsOf, isBound] of cases) {
    const { store, guard, controller } = await aController(t);
    for (let i = 0; i < 400; i++) {
      guard.decided(aDecision(i, fieldsOf(i)));
      if (isBound) guard.bound(`u${i}`);
    }
    await controller.protect();
    const state = await store.read();
    if (reason === undefined) assert.equal(state.percent, 50);
    else assert.match(state.reason, reason);
  }
});

test('a store that cannot be read or written leaves the rollout as it was, but for a step back', async () => {
  const guard = createRolloutGuard();
  const clock = createManualClock(START_MS);
  let isBroken = false;
  const active = { ...INITIAL_ROLLOUT, revision: 1, mode: 'active' as const, percent: 50 };
  const store = {
    read: () => (isBroken ? Promise.reject(new Error('down')) : Promise.resolve(active)),
    replace: () => Promise.reject(new Error('down')),
  };
  const controller = createRolloutController({ store, guard, clock, log: silentLog });
  await controller.refresh();
  isBroken = true;
  await controller.refresh();
  assert.equal(controller.state.percent, 50);
  for (let i = 0; i < 400; i++) guard.decided(aDecision(i, { reason: 'internal-error' }));
  await controller.protect();
  assert.equal(controller.state.percent, 10);
});

/** A time in shadow mode, one decision a minute; `advantage` = how much less loaded our choice is. */
function shadowRecords(hours: number, advantage: number): JournalRecord[] {
  const rng = createRng(7);
  const records: JournalRecord[] = [];
  for (let i = 0; i < hours * 60; i++) {
    const agreed = i % 5 === 0;
    records.push(aDecision(i));
    const bound: BoundRecord = {
      schemaVersion: 1,
      kind: 'bound',
      atMs: START_MS + i * 60_000,
      replica: 'one',
      decisionId: `d${i}`,
      namespace: 'shop',
      name: `p${i}`,
      uid: `u${i}`,
      node: agreed ? 'a' : 'c',
      schedulerName: 'default-scheduler',
      agreed,
      regret: agreed ? 0 : 0.04,
      rank: agreed ? 1 : 3,
    };
    const realised = 0.5 + 0.05 * rng.normal();
    records.push(
      bound,
      anOutcome(i, {
        node: agreed ? 'a' : 'c',
        realisedCpuRatio: realised,
        preferredRealisedCpuRatio: agreed ? realised : realised - advantage + 0.02 * rng.normal(),
      }),
    );
  }
  return records;
}

test('the verdict is go where our choices were less loaded, no-go where they were more, and too early before', () => {
  const good = judgeShadow(shadowRecords(49, 0.08));
  assert.equal(good.verdict, 'go', JSON.stringify(good.checks));
  assert.ok(Math.abs(good.agreementRatio.mean - 0.2) < 0.01);
  assert.ok(good.agreementRatio.low < 0.2 && good.agreementRatio.high > 0.2);
  assert.ok(Math.abs(good.randomAgreementRatio - 0.1) < 1e-9);
  assert.ok(Math.abs(good.regret.mean - 0.032) < 0.001);
  assert.ok(Math.abs(good.loadAdvantageRatio.mean - 0.07) < 0.01);
  assert.equal(judgeShadow(shadowRecords(49, -0.08)).verdict, 'no-go');
  assert.equal(judgeShadow(shadowRecords(10, 0.08)).verdict, 'too-early');
  assert.equal(judgeShadow([]).verdict, 'too-early');
});
