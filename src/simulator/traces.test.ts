import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { PlacementData } from '#collect';
import { createRng } from '#kernel/rng';

import { createLifetimeSampler } from './lifetimes.ts';
import { arrivalWindow, daysOfSplit, isInSplit } from './split.ts';
import type { Split } from './split.ts';
import { curveCell, CURVE_STEPS, selectTraces } from './traces.ts';

const SPLITS: readonly Split[] = ['train', 'validation', 'test'];

/** Forty jobs of three VMs and ten single VMs, six PlanetLab days, a hundred arrivals. */
function someData(): PlacementData {
  const names = Array.from({ length: 130 }, (_, i) =>
    i < 120 ? `vm_${1000 + (i % 40)}_${i}` : `vm_${i}_1`,
  ).sort();
  const planetlab = Array.from(
    { length: 60 },
    (_, i) => `2011030${1 + (i % 6)}/host${i}_site_uni_slice${i % 5}`,
  );
  const curve = (count: number): Float32Array =>
    Float32Array.from({ length: count * CURVE_STEPS }, (_, i) => (i % 97) / 100);
  const seconds = Float64Array.from({ length: 100 }, (_, i) => i * 300);
  return {
    googleVms: { count: 130, names, cpuUsageRatio: curve(130), memoryUsageRatio: curve(130) },
    planetlabVms: { count: 60, names: planetlab, cpuUsageRatio: curve(60), memoryUsageRatio: undefined },
    azureArrivals: {
      count: 100,
      arrivalSeconds: seconds,
      batch: Int32Array.from(seconds, (_, i) => i),
      vcpus: new Float32Array(100).fill(1),
      memoryGib: new Float32Array(100).fill(2),
      lifetimeSecondsMin: seconds.map(() => 600),
      lifetimeSecondsMax: seconds.map((_, i) => (i === 0 ? Number.NaN : 900)),
      isCensored: new Uint8Array(100),
    },
    openbNodes: {
      count: 1,
      names: ['a'],
      cpuMillicores: Float64Array.of(96_000),
      memoryBytes: Float64Array.of(1e11),
      gpus: Int32Array.of(0),
      gpuModels: [null],
    },
    openbPods: [
      {
        name: 'pods-default',
        count: 1,
        names: ['p'],
        cpuMillicores: Float64Array.of(1000),
        memoryBytes: Float64Array.of(4e9),
        gpus: Int32Array.of(0),
        gpuMillis: Int32Array.of(0),
        qos: ['BE'],
        creationSeconds: Float64Array.of(0),
        deletionSeconds: Float64Array.of(1),
        scheduledSeconds: Float64Array.of(0),
      },
    ],
    nodeLoad: ['m-1', 'm-2', 'm-3', 'm-4', 'm-5', 'm-6'].map((machine) => ({
      machine,
      timesMs: Float64Array.of(0, 60_000, 180_000),
      cpuUsageRatio: Float32Array.of(0.5, Number.NaN, 0.25),
      memoryUsageRatio: undefined,
    })),
  };
}

test('no VM, machine, day or arrival is shared between the splits', () => {
  const selected = SPLITS.map((split) => selectTraces(someData(), split));
  const rows = selected.map(({ families }) => families.flatMap((family) => [...family.rows]));
  const machines = selected.map(({ background }) => background.map(({ machine }) => machine));
  const batches = selected.map(({ arrivals }) => [...arrivals.batch]);

  for (const lists of [rows, machines, batches] as unknown[][][]) {
    const all = lists.flat();
    assert.equal(new Set(all).size, all.length);
  }
  assert.ok(rows.every((list) => list.length > 0));
  assert.equal(batches.flat().length, 100);
});

test('a split by name never changes when data are added, and days go to one split each', () => {
  const days = ['d3', 'd1', 'd7', 'd2', 'd5', 'd4', 'd6'];
  const dealt = SPLITS.map((split) => daysOfSplit(days, split));

  assert.deepEqual(dealt, [
    ['d1', 'd2', 'd3'],
    ['d4', 'd5'],
    ['d6', 'd7'],
  ]);
  assert.equal(SPLITS.filter((split) => isInSplit('vm_1', split)).length, 1);
  assert.ok(isInSplit('vm_1', 'all'));
  assert.deepEqual(arrivalWindow(0, 99, 'all'), [0, 100]);
  const windows = SPLITS.map((split) => arrivalWindow(100, 1099, split));
  assert.deepEqual(windows, [
    [100, 520],
    [520, 680],
    [680, 1100],
  ]);
});

test('every family has at least two members, so no pod lives the same day twice in a row', () => {
  for (const split of [...SPLITS, 'all'] as const) {
    for (const family of selectTraces(someData(), split).families) {
      assert.ok(family.rows.length >= 2, family.name);
      const today = curveCell(family, 0, 3600);
      const tomorrow = curveCell(family, 0, 3600 + 86_400);
      assert.notEqual(Math.floor(today / CURVE_STEPS), Math.floor(tomorrow / CURVE_STEPS));
      assert.equal(today % CURVE_STEPS, tomorrow % CURVE_STEPS);
    }
  }
});

test('background gaps are carried forward on the one-minute grid', () => {
  const { background } = selectTraces(someData(), 'all');

  assert.deepEqual([...(background[0]?.cpuUsageRatio ?? [])], [0.5, 0.5, 0.5, 0.25]);
  assert.deepEqual([...(background[0]?.memoryUsageRatio ?? [])], [0, 0, 0, 0]);
});

test('a root without any family of a split is refused by name', () => {
  const data = someData();
  const one = {
    ...data.googleVms,
    count: 1,
    names: ['vm_1_1'],
    cpuUsageRatio: new Float32Array(CURVE_STEPS),
  };

  assert.throws(
    () =>
      selectTraces(
        { ...data, googleVms: { ...one, memoryUsageRatio: one.cpuUsageRatio }, planetlabVms: undefined },
        'all',
      ),
    {
      code: 'MLS_SIMULATOR_TRACES_TOO_SMALL',
    },
  );
});

test('a life cut off by the end of the trace is drawn from the longer ones, a whole one from its bin', () => {
  const sampler = createLifetimeSampler({
    windowSeconds: 1000,
    arrivalSeconds: Float64Array.of(0, 0, 0, 0),
    batch: Int32Array.of(0, 1, 2, 3),
    vcpus: Float32Array.of(1, 1, 1, 1),
    lifetimeSecondsMin: Float64Array.of(100, 200, 5000, 9000),
    lifetimeSecondsMax: Float64Array.of(150, 200, 6000, 9500),
    isCensored: Uint8Array.of(0, 1, 0, 0),
  });
  const rng = createRng(1);
  const whole = Array.from({ length: 200 }, () => sampler.drawSeconds(0, rng));
  const cut = Array.from({ length: 200 }, () => sampler.drawSeconds(1, rng));

  assert.ok(whole.every((seconds) => seconds >= 100 && seconds <= 150));
  // Given an age of 200 the two longer lives are equally likely.
  const shorter = cut.filter((seconds) => seconds >= 5000 && seconds <= 6000).length;
  assert.equal(shorter + cut.filter((seconds) => seconds >= 9000 && seconds <= 9500).length, 200);
  assert.ok(shorter > 70 && shorter < 130);
});
