import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createRng } from '#kernel/rng';
import { noProgress } from '#kernel/progress';
import { xgboostAvailability } from '#native';
import { writeParquet } from '#platform/files';
import { compareFeatures, parseHorizons } from '#services/features-compare';

const availability = xgboostAvailability();
const skip = availability.kind === 'available' ? false : availability.reason;
const DAYS = 12;
const STEP_MS = 300_000;

/** A job of 20 minutes every hour: what comes in 15 minutes is told by the clock, hardly by the last value. */
async function writeHourlyJobs(folder: string): Promise<void> {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const rng = createRng(seed);
    const count = DAYS * 288;
    const load = (_: unknown, i: number): number => ((i + seed) % 12 < 4 ? 0.7 : 0.2) + 0.02 * rng.normal();
    await writeParquet(join(folder, `m${seed}.parquet`), [
      { name: 'machine', type: 'text', values: { dictionary: [`m${seed}`], codes: new Int32Array(count) } },
      {
        name: 'time',
        type: 'time',
        values: Float64Array.from({ length: count }, (_, i) => Date.UTC(2026, 0, 1) + i * STEP_MS),
      },
      { name: 'cpu_usage_ratio', type: 'float', values: Float32Array.from({ length: count }, load) },
    ]);
  }
}

describe('the comparison of two feature sets', { skip }, () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mlsched-compare-'));
    await writeHourlyJobs(folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const compare = (setA: string, setB: string) =>
    compareFeatures({
      dataDirectory: folder,
      setA,
      setB,
      horizons: parseHorizons('15'),
      seed: 1,
      progress: noProgress,
    });

  test('finds the set that knows the clock better where the clock decides', async () => {
    const found = await compare('last_value,half_minute_0', 'last_value,half_minute_0,minute_of_hour');

    assert.equal(found.verdict, 'b-better');
    assert.ok(found.ci95[0] > 0.2, `only ${found.ci95[0]}`);
    assert.deepEqual([found.setA.features, found.setB.features], [2, 3]);
    assert.deepEqual(
      found.results.map(({ target }) => target),
      ['cpu'],
    );
  });

  test('finds no difference between a set and itself', async () => {
    const found = await compare('last_value,calendar', 'calendar,last_value');

    assert.equal(found.verdict, 'no-difference');
    assert.equal(found.improvementRatio, 0);
  });
});

test('horizons that are none are refused', () => {
  assert.deepEqual(parseHorizons('5, 60'), [5, 60]);
  assert.throws(() => parseHorizons('10'), { code: 'MLS_SERVICES_HORIZON' });
});
