import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';

import { createRng } from '#kernel/rng';
import { loadPredictor, openXgboost, trainBooster, xgboostAvailability } from '#native';
import type { Booster, BoosterParameters } from '#native';

const root = resolve(import.meta.dirname, '../../..');
const fixtures = join(root, 'test/fixtures/parity');
const availability = xgboostAvailability();
const skip = availability.kind === 'available' ? false : availability.reason;

/** What the requirements ask for; in fact the bits are the same. */
const TOLERANCE = 1e-6;

interface Manifest {
  readonly xgboost: {
    readonly version: string;
    readonly rows: number;
    readonly columns: number;
    readonly rounds: number;
    readonly cases: Readonly<Record<string, BoosterParameters>>;
  };
}

const { xgboost: golden } = JSON.parse(readFileSync(join(fixtures, 'manifest.json'), 'utf8')) as Manifest;

function readFloats(path: string): Float32Array {
  return new Float32Array(Uint8Array.from(readFileSync(path)).buffer);
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] as number))), 0);
}

interface Problem {
  readonly values: Float32Array;
  readonly labels: Float32Array;
  readonly columns: number;
  readonly parameters: BoosterParameters;
  readonly rounds: number;
}

function trainHere(problem: Problem): Booster {
  const library = openXgboost();
  const { values, labels, columns, parameters, rounds } = problem;
  using training = library.createMatrix({ columns, batches: [{ values, labels }] });
  return trainBooster(library, { parameters, training, rounds }).booster;
}

const values = readFloats(join(fixtures, 'xgboost-values.f32'));
const labels = readFloats(join(fixtures, 'xgboost-labels.f32'));

for (const [name, parameters] of Object.entries(golden.cases)) {
  const expected = readFloats(join(fixtures, `xgboost-${name}.f32`));

  test(`a model that Python trained predicts here what Python predicts: ${name}`, { skip }, () => {
    using predictor = loadPredictor(readFileSync(join(fixtures, `xgboost-${name}.ubj`)), {
      engine: 'xgboost',
    });

    assert.ok(largestDifference(predictor.predict(values, golden.rows), expected) <= TOLERANCE);
  });

  test(`the tree walk predicts what Python predicts, without the library: ${name}`, () => {
    using predictor = loadPredictor(readFileSync(join(fixtures, `xgboost-${name}.ubj`)), {
      engine: 'tree-walk',
    });

    assert.equal(largestDifference(predictor.predict(values, golden.rows), expected), 0);
  });

  test(`training here gives what training in Python gave: ${name}`, { skip }, () => {
    using booster = trainHere({
      values,
      labels,
      columns: golden.columns,
      parameters,
      rounds: golden.rounds,
    });

    assert.ok(largestDifference(booster.predict(values, golden.rows).values, expected) <= TOLERANCE);
  });
}

/** The oracle's Python; created when every test is required, otherwise used when it is there. */
function findOracle(): { readonly python: string } | { readonly missing: string } {
  const isRequired = process.env['MLSCHED_REQUIRE_ALL'] === '1';
  const script = [join(root, 'tools/python/setup-env.sh'), 'parity'];
  const found = spawnSync('bash', isRequired ? script : [...script, '--find'], { encoding: 'utf8' });
  if (found.status === 0) return { python: found.stdout.trim() };
  return {
    missing: `no Python oracle; create it with: bash tools/python/setup-env.sh parity ${found.stderr}`,
  };
}

const oracle = findOracle();
const skipLive = skip !== false ? skip : 'missing' in oracle ? oracle.missing : false;

describe('live parity with Python', { skip: skipLive }, () => {
  const rng = createRng(2024);
  const columns = 8;
  const rows = 3000;
  const live: Problem = {
    columns,
    rounds: 40,
    values: Float32Array.from({ length: rows * columns }, () =>
      rng.next() < 0.05 ? Number.NaN : rng.normal(),
    ),
    labels: Float32Array.from({ length: rows }, () => rng.normal()),
    parameters: {},
  };
  const cases: Readonly<Record<string, BoosterParameters>> = {
    'squared error, deep': { objective: 'reg:squarederror', max_depth: 7, eta: 0.1, seed: 1 },
    'absolute error, sampled': { objective: 'reg:absoluteerror', max_depth: 5, subsample: 0.8, seed: 2 },
    quantiles: { objective: 'reg:quantileerror', quantile_alpha: [0.05, 0.5, 0.95], max_depth: 4, seed: 3 },
  };

  for (const [name, parameters] of Object.entries(cases)) {
    test(`both train the same model, and each reads the other's file: ${name}`, (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'mlsched-parity-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      writeFileSync(join(folder, 'values'), new Uint8Array(live.values.buffer));
      writeFileSync(join(folder, 'labels'), new Uint8Array(live.labels.buffer));
      using booster = trainHere({ ...live, parameters });
      writeFileSync(join(folder, 'ours.ubj'), booster.save('ubj'));
      const ours = booster.predict(live.values, rows).values;
      const request = {
        folder,
        values: 'values',
        labels: 'labels',
        columns,
        parameters,
        rounds: live.rounds,
      };

      ask({ ...request, write: { model: 'theirs.ubj', predictions: 'trained' } });
      ask({ ...request, model: 'ours.ubj', write: { predictions: 'loaded' } });
      using theirs = loadPredictor(readFileSync(join(folder, 'theirs.ubj')));

      assert.ok(largestDifference(ours, readFloats(join(folder, 'trained'))) <= TOLERANCE);
      assert.ok(largestDifference(ours, readFloats(join(folder, 'loaded'))) <= TOLERANCE);
      assert.ok(
        largestDifference(theirs.predict(live.values, rows), readFloats(join(folder, 'trained'))) <=
          TOLERANCE,
      );
    });
  }
});

function ask(request: object): void {
  assert.ok('python' in oracle);
  const done = spawnSync(oracle.python, [join(root, 'tools/python/xgboost_oracle.py')], {
    input: JSON.stringify(request),
    encoding: 'utf8',
  });
  assert.equal(done.status, 0, done.stderr);
}
