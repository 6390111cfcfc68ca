import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { readJson, sha256File } from '#platform/files';
import { CURVE_STEPS, readAnomalyMachines, readLoadHistory, readPlacementData } from './index.ts';

const SAMPLE = join(import.meta.dirname, '../../data/sample');
const Manifest = z.object({
  bytes: z.number(),
  files: z.array(z.object({ file: z.string(), rows: z.number(), bytes: z.number(), sha256: z.string() })),
});

test('the sample is the one the manifest describes and fits into 10 MB', async () => {
  const manifest = await readJson(join(SAMPLE, 'manifest.json'), Manifest);

  assert.ok(manifest.files.length >= 10);
  for (const { file, sha256 } of manifest.files) {
    assert.equal(await sha256File(join(SAMPLE, file)), sha256, file);
  }
  assert.ok(manifest.bytes <= 10_000_000);
});

test('load: six machines, a month each, minute by minute, nothing to put right', async () => {
  const { series, findings } = await readLoadHistory(join(SAMPLE, 'smd-nodes'));

  assert.deepEqual(
    series.map(({ machine }) => machine),
    ['machine-1-2', 'machine-1-6', 'machine-2-1', 'machine-2-4', 'machine-3-3', 'machine-3-5'],
  );
  assert.deepEqual(findings, []);
  for (const { timesMs, cpuUsageRatio, memoryUsageRatio } of series) {
    assert.ok(((timesMs.at(-1) ?? 0) - (timesMs[0] ?? 0)) / 86_400_000 > 30);
    assert.ok(timesMs.every((time, i) => i === 0 || time - (timesMs[i - 1] ?? 0) === 60_000));
    assert.ok(cpuUsageRatio.every((value) => value >= 0 && value <= 1));
    assert.equal(memoryUsageRatio?.length, timesMs.length);
  }
});

test('health: labels only in the test span, matrices of 38 metrics', async () => {
  const machines = await readAnomalyMachines(join(SAMPLE, 'smd'));

  assert.deepEqual(
    machines.map(({ machine, testLabels }) => [machine, testLabels.filter((label) => label === 1).length]),
    [
      ['machine-1-2', 542],
      ['machine-2-1', 1170],
      ['machine-3-4', 977],
    ],
  );
  for (const machine of machines) {
    assert.equal(machine.metricNames.length, 38);
    assert.equal(machine.train.length, machine.trainSteps * 38);
    assert.equal(machine.test.length, machine.testSteps * 38);
    assert.equal(machine.testLabels.length, machine.testSteps);
  }
});

test('placement: the root holds all that the simulator requires', async () => {
  const data = await readPlacementData(SAMPLE);

  assert.equal(data.googleVms.count, 400);
  assert.equal(data.googleVms.cpuUsageRatio.length, 400 * CURVE_STEPS);
  assert.ok(data.googleVms.cpuUsageRatio.every((value) => value >= 0));
  assert.ok(data.azureArrivals.count > 100_000);
  assert.ok(data.azureArrivals.arrivalSeconds.every((t, i, all) => i === 0 || t >= (all[i - 1] ?? 0)));
  assert.equal(data.openbNodes.count, 1523);
  assert.deepEqual(
    data.openbPods.map(({ name, count }) => [name, count]),
    [['pods-default', 8152]],
  );
  assert.equal(data.planetlabVms, undefined);
  assert.equal(data.nodeLoad?.length, 6);
});
