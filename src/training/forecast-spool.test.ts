import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import type { RawLoadSeries } from '#domain';
import { FEATURE_COUNT } from '#features';
import { createRng } from '#kernel/rng';
import { fitForecast, type FitEffort } from '#models/forecast';
import { xgboostAvailability } from '#native';

import { collectTrainingRows } from './forecast-data.ts';
import { openRowSpool } from './forecast-spool.ts';

const EFFORT: FitEffort = {
  maximumRounds: 4,
  intervalRounds: 3,
  learningRate: 0.3,
  depth: 3,
  seeds: 1,
  probeRows: 500,
};

function series(seed: number): RawLoadSeries {
  const rng = createRng(seed);
  const length = 4 * 288;
  return {
    machine: `m${seed}`,
    timesMs: Float64Array.from({ length }, (_, i) => 1_767_571_200_000 + i * 300_000),
    cpuUsageRatio: Float32Array.from(
      { length },
      (_, i) => 0.3 + (i % 12 < 3 ? 0.2 : 0) + 0.02 * rng.normal(),
    ),
    memoryUsageRatio: undefined,
  };
}

const availability = xgboostAvailability();
const skip = availability.kind === 'available' ? false : 'libxgboost is missing: run make setup';

describe('rows on disk', () => {
  test('come back as they went in, in rising order and after a step back', () => {
    const spool = openRowSpool();
    const rows = 20_000;
    const values = Float32Array.from({ length: rows * FEATURE_COUNT }, (_, i) => i % 9973);
    spool.append(values.subarray(0, 7 * FEATURE_COUNT));
    spool.append(values.subarray(7 * FEATURE_COUNT));
    const out = new Float32Array(FEATURE_COUNT);
    for (const row of [0, 6, 7, 16_383, 16_384, 19_999, 3]) {
      spool.copyRow(row, out, 0);
      assert.deepEqual(out, values.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT));
    }
    spool.close();
  });

  test('train the model that rows in memory train, and leave nothing behind', { skip }, () => {
    const all = [series(1), series(2)];
    const options = { series: all, target: 'cpu', rows: 3000, seed: 1 } as const;
    const spool = openRowSpool();
    const inMemory = collectTrainingRows(options);
    const onDisk = collectTrainingRows({ ...options, spool });
    const scratchDirectory = mkdtempSync(join(tmpdir(), 'mlsched-pages-'));
    assert.ok(inMemory !== undefined && onDisk !== undefined);
    const fit = { effort: EFFORT, seed: 1, horizons: [15] } as const;
    const expected = fitForecast({ ...fit, rows: { cpu: inMemory } });

    assert.deepEqual(fitForecast({ ...fit, rows: { cpu: onDisk } }).artefact, expected.artefact);
    const paged = fitForecast({ ...fit, rows: { cpu: onDisk }, scratchDirectory });
    assert.equal(paged.fits[0]?.rows, expected.fits[0]?.rows);
    assert.deepEqual(readdirSync(scratchDirectory), []);
    spool.close();
    rmSync(scratchDirectory, { recursive: true });
  });
});
