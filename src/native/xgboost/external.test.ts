import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { openXgboost, trainBooster, xgboostAvailability, type MatrixBatch } from '#native';
import { createRng } from '#kernel/rng';

const COLUMNS = 5;
const ROWS = 2000;
const BATCHES = 8;

const rng = createRng(5);
const values = Float32Array.from({ length: ROWS * COLUMNS }, () => rng.normal());
const labels = Float32Array.from({ length: ROWS }, (_, row) => 2 * (values[row * COLUMNS] as number));

function* batches(): Generator<MatrixBatch> {
  const size = ROWS / BATCHES;
  for (let i = 0; i < BATCHES; i++) {
    yield {
      values: values.slice(i * size * COLUMNS, (i + 1) * size * COLUMNS),
      labels: labels.slice(i * size, (i + 1) * size),
    };
  }
}

const availability = xgboostAvailability();
const skip = availability.kind === 'available' ? false : 'libxgboost is missing: run make setup';

describe('a matrix on disk', { skip }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'mlsched-external-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('trains to the same model as one in memory, and leaves no file behind', () => {
    const library = openXgboost();
    const parameters = { objective: 'reg:squarederror', max_depth: 3, max_bin: 32, seed: 1 };
    const fit = (cache: { cachePrefix?: string }): Float32Array => {
      using matrix = library.createMatrix({ columns: COLUMNS, batches, maxBins: 32, ...cache });
      assert.equal(matrix.rows, ROWS);
      const { booster } = trainBooster(library, { parameters, training: matrix, rounds: 8 });
      using trained = booster;
      if (cache.cachePrefix !== undefined) assert.ok(readdirSync(folder).length > 0, 'pages are on disk');
      return trained.predict(values, ROWS).values;
    };

    const inMemory = fit({});
    const onDisk = fit({ cachePrefix: join(folder, 'pages') });
    const furthest = Math.max(...inMemory.map((value, i) => Math.abs(value - (onDisk[i] as number))));

    assert.ok(furthest < 1e-4, `differs by ${furthest}`);
    assert.deepEqual(readdirSync(folder), []);
  });
});
