import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createRng } from '#kernel/rng';
import { mean, standardDeviation } from '#kernel/stats';

import {
  bindPod,
  createClusterState,
  observeFinish,
  observeWorkloads,
  pruneRecent,
  recordScrape,
  unbindPod,
} from '#domain';
import { createDepartures } from './departures.ts';
import { createLatencyHistogram } from './latency.ts';
import { aCluster, aPod } from './test-fixtures.ts';

const spec = {
  name: 'a',
  cpuCapacityMillicores: 1000,
  memoryCapacityBytes: 1000,
  cpuAllocatableMillicores: 1000,
  memoryAllocatableBytes: 1000,
  podsAllocatable: 10,
  isSchedulable: true,
};

test('moments of the scrapes agree with their definitions, over a wrapped ring', () => {
  const state = createClusterState([spec], 1, 30);
  const rng = createRng(3);
  const steps = 3000;
  const values = Float64Array.from({ length: steps }, () => Math.fround(rng.next()));
  for (let step = 1; step <= steps; step++) {
    state.view.nowMs = step * 30_000;
    const value = values[step - 1] as number;
    recordScrape(state, { cpu: Float64Array.of(value), memory: Float64Array.of(value / 2) }, step);
  }
  const { cpu, memory, scrapedAtMs } = state.view.metrics;
  const means = Array.from({ length: steps / 10 }, (_, i) => mean(values.subarray(i * 10, i * 10 + 10)));
  const near = (actual: number | undefined, expected: number): void =>
    assert.ok(Math.abs((actual ?? Number.NaN) - expected) < 1e-6, `${actual} for ${expected}`);

  assert.equal(scrapedAtMs[0], steps * 30_000);
  near(cpu.latestRatio[0], values[steps - 1] as number);
  near(cpu.mean5mRatio[0], mean(values.subarray(steps - 10)));
  near(cpu.mean15mRatio[0], mean(values.subarray(steps - 30)));
  near(cpu.sd15mRatio[0], standardDeviation(values.subarray(steps - 30)));
  near(cpu.max1hRatio[0], Math.max(...means.slice(-12)));
  near(cpu.max1dRatio[0], Math.max(...means.slice(-288)));
  near(memory.mean5mRatio[0], mean(values.subarray(steps - 10)) / 2);
  assert.equal(state.view.history.count, 300);
  assert.equal(state.view.history.endMs, steps * 30_000);
});

test('a node that does not answer keeps its last time and leaves a gap, never a zero', () => {
  const state = createClusterState([spec], 1, 30);
  const scrape = (step: number, value: number): void => {
    state.view.nowMs = step * 30_000;
    recordScrape(state, { cpu: Float64Array.of(value), memory: Float64Array.of(value) }, step);
  };
  scrape(1, 0.4);
  scrape(2, Number.NaN);

  assert.equal(state.view.metrics.scrapedAtMs[0], 30_000);
  assert.ok(Number.isNaN(state.view.metrics.cpu.latestRatio[0]));
  assert.ok(Math.abs((state.view.metrics.cpu.mean5mRatio[0] as number) - 0.4) < 1e-6);
});

test('workloads learn use per request and lifetimes; a pod not scraped yet does not count', () => {
  const pods = [aPod({ ownerId: 1, cpuRequestMillicores: 500 }), aPod({ ownerId: 1 }), aPod({ ownerId: 2 })];
  const state = aCluster([{ pods }]);
  const { workloads } = state.view;
  state.view.pods.cpuUsageMillicores.set([250, 750]);
  state.view.pods.memoryUsageBytes.set([2 ** 30, 2 ** 29]);
  observeWorkloads(state);
  observeFinish(state, 1, 100);
  observeFinish(state, 1, 300);

  assert.equal(workloads.sampleCount[1], 2);
  assert.equal(workloads.cpuToRequestMeanRatio[1], 1);
  assert.equal(workloads.cpuToRequestSdRatio[1], 0.5);
  assert.equal(workloads.cpuToRequestMaxRatio[1], 1.5);
  assert.equal(workloads.memoryToRequestMeanRatio[1], 0.75);
  assert.equal(workloads.lifetimeMeanSeconds[1], 200);
  assert.ok(Number.isNaN(workloads.cpuToRequestMeanRatio[2]));
  assert.ok(Number.isNaN(workloads.lifetimeMeanSeconds[2]));
});

test('slots are reused, the table grows, and the recent list forgets the old and the gone', () => {
  const state = aCluster([{}]);
  const slots = Array.from({ length: 300 }, () => bindPod(state, aPod(), 0));
  assert.equal(new Set(slots).size, 300);
  assert.equal(state.view.nodes.podCount[0], 300);

  unbindPod(state, aPod(), slots[7] as number);
  pruneRecent(state);
  assert.equal(state.view.pods.recentCount, 299);
  assert.equal(bindPod(state, aPod(), 0), slots[7]);

  state.view.nowMs += 16 * 60_000;
  pruneRecent(state);
  assert.equal(state.view.pods.recentCount, 0);
});

test('departures leave in order of time, then of uid', () => {
  const heap = createDepartures();
  const rng = createRng(5);
  const times = Array.from({ length: 3000 }, () => rng.int(500));
  times.forEach((time, uid) => heap.push(time, uid));
  const left: [number, number][] = [];
  while (heap.nextSeconds() < Infinity) left.push([heap.nextSeconds(), heap.pop()]);

  const expected = times
    .map((time, uid): [number, number] => [time, uid])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  assert.deepEqual(left, expected);
});

test('latency quantiles are within a bin of the truth', () => {
  const histogram = createLatencyHistogram();
  for (let i = 1; i <= 1000; i++) histogram.add(i);

  const p99 = histogram.quantile(0.99);
  assert.ok(p99 >= 990 && p99 < 990 * 1.06 * 1.06, `${p99}`);
  assert.ok(Number.isNaN(createLatencyHistogram().quantile(0.5)));
});
