import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';

import { createRng } from '#kernel/rng';
import { loadPredictor, openXgboost, trainBooster, xgboostAvailability } from '#native';
import type { BoosterParameters } from '#native';

const availability = xgboostAvailability();
const skip = availability.kind === 'available' ? false : availability.reason;

const COLUMNS = 4;

/** Values on a coarse grid meet thresholds exactly, which is where a wrong comparison would show. */
function makeValues(rows: number, seed: number, missingRatio: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: rows * COLUMNS }, () =>
    rng.next() < missingRatio ? Number.NaN : Math.round(rng.normal() * 4) / 4,
  );
}

interface Recipe {
  readonly parameters: BoosterParameters;
  /** Labels from a standard normal deviate. */
  readonly label: (noise: number) => number;
  /** How far `predict` may be from the library, relative; 0 = the same bits. */
  readonly tolerance: number;
}

const EXP_ROUNDING = 2.4e-7;
const asIs = (noise: number): number => 100 * noise + 3;
const recipes: Readonly<Record<string, Recipe>> = {
  squared: { parameters: { objective: 'reg:squarederror' }, label: asIs, tolerance: 0 },
  absolute: { parameters: { objective: 'reg:absoluteerror' }, label: asIs, tolerance: 0 },
  huber: { parameters: { objective: 'reg:pseudohubererror' }, label: asIs, tolerance: 0 },
  quantiles: {
    parameters: { objective: 'reg:quantileerror', quantile_alpha: [0.05, 0.5, 0.95] },
    label: asIs,
    tolerance: 0,
  },
  'one quantile': {
    parameters: { objective: 'reg:quantileerror', quantile_alpha: [0.9] },
    label: asIs,
    tolerance: 0,
  },
  'random forest': {
    parameters: { objective: 'reg:squarederror', num_parallel_tree: 3, subsample: 0.6 },
    label: asIs,
    tolerance: 0,
  },
  'fixed base score': {
    parameters: { objective: 'reg:squarederror', base_score: 0.3 },
    label: asIs,
    tolerance: 0,
  },
  logistic: {
    parameters: { objective: 'binary:logistic' },
    label: (noise) => (noise > 0.3 ? 1 : 0),
    tolerance: EXP_ROUNDING,
  },
  poisson: {
    parameters: { objective: 'count:poisson' },
    label: (noise) => Math.floor(Math.abs(noise) * 3),
    tolerance: EXP_ROUNDING,
  },
  gamma: {
    parameters: { objective: 'reg:gamma' },
    label: (noise) => Math.abs(noise) + 0.1,
    tolerance: EXP_ROUNDING,
  },
  classes: {
    parameters: { objective: 'multi:softprob', num_class: 3 },
    label: (noise) => (noise < -0.5 ? 0 : noise < 0.5 ? 1 : 2),
    tolerance: EXP_ROUNDING,
  },
};

interface Training {
  readonly recipe: Recipe;
  readonly rounds: number;
  readonly depth: number;
  readonly missingRatio: number;
  readonly seed: number;
  readonly targets?: number;
}

function trainBytes(training: Training, extra: BoosterParameters = {}): Uint8Array {
  const rows = 250;
  const values = makeValues(rows, training.seed, training.missingRatio);
  const rng = createRng(training.seed + 1);
  const labels = Float32Array.from({ length: rows * (training.targets ?? 1) }, (_, i) => {
    const first = values[Math.floor(i / (training.targets ?? 1)) * COLUMNS] || 0;
    return training.recipe.label(0.7 * first + 0.3 * rng.normal());
  });
  const library = openXgboost();
  using matrix = library.createMatrix({ columns: COLUMNS, batches: [{ values, labels }] });
  using booster = trainBooster(library, {
    parameters: {
      ...training.recipe.parameters,
      max_depth: training.depth,
      eta: 0.4,
      seed: training.seed,
      ...extra,
    },
    training: matrix,
    rounds: training.rounds,
  }).booster;
  return booster.save(training.seed % 2 === 0 ? 'ubj' : 'json');
}

/** Largest difference of two predictions, relative to 1 or to the value, whichever is more. */
function largestDifference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((worst, value, i) => {
    const other = b[i] as number;
    return Object.is(value, other)
      ? worst
      : Math.max(worst, Math.abs(value - other) / Math.max(1, Math.abs(other)));
  }, 0);
}

/** Compares both engines on fresh rows, as many as asked for. */
function compareEngines(bytes: Uint8Array, rows: number, seed: number): number {
  using native = loadPredictor(bytes, { engine: 'xgboost' });
  using walk = loadPredictor(bytes, { engine: 'tree-walk' });
  assert.equal(walk.outputCount, native.outputCount);
  assert.equal(walk.featureCount, native.featureCount);
  const values = makeValues(rows, seed, 0.2);
  return largestDifference(walk.predict(values, rows), native.predict(values, rows));
}

for (const [name, recipe] of Object.entries(recipes)) {
  test(`the tree walk agrees with libxgboost on random models: ${name}`, { skip }, () => {
    fc.assert(
      fc.property(
        fc.record({
          rounds: fc.integer({ min: 1, max: 25 }),
          depth: fc.integer({ min: 1, max: 7 }),
          missingRatio: fc.constantFrom(0, 0.1, 0.5),
          seed: fc.integer({ min: 0, max: 1e6 }),
        }),
        fc.integer({ min: 1, max: 200 }),
        (shape, rows) => {
          const bytes = trainBytes({ recipe, ...shape });
          const difference = compareEngines(bytes, rows, shape.seed + 9);
          assert.ok(difference <= recipe.tolerance, String(difference));
        },
      ),
      { numRuns: 8 },
    );
  });
}

const squared = recipes['squared'] as Recipe;
const example: Training = { recipe: squared, rounds: 6, depth: 4, missingRatio: 0.1, seed: 4 };

test('auto gives the same bits for few rows as for many, and is freed once', { skip }, () => {
  for (const recipe of Object.values(recipes)) {
    const bytes = trainBytes({ ...example, recipe });
    const values = makeValues(40, 8, 0.2);
    const auto = loadPredictor(bytes);
    const whole = auto.predict(values, 40);
    const width = auto.outputCount;
    for (const rows of [1, 16, 17])
      assert.deepEqual(auto.predict(values.slice(0, rows * COLUMNS), rows), whole.slice(0, rows * width));
    auto.free();
    assert.throws(() => auto.predict(values.slice(0, COLUMNS), 1), { code: 'MLS_NATIVE_FREED' });
    assert.throws(() => auto.free(), { code: 'MLS_NATIVE_FREED' });
  }
});

test('trees with vector leaves give the same bits', { skip }, () => {
  for (const seed of [2, 3]) {
    const bytes = trainBytes({ ...example, seed, targets: 3 }, { multi_strategy: 'multi_output_tree' });

    assert.equal(compareEngines(bytes, 150, 5), 0);
  }
});

test('several targets in separate trees give the same bits', { skip }, () => {
  assert.equal(compareEngines(trainBytes({ ...example, targets: 2 }), 150, 5), 0);
});

test('a base margin replaces the base score in both engines', { skip }, () => {
  const bytes = trainBytes({ ...example, recipe: recipes['quantiles'] as Recipe });
  const values = makeValues(50, 6, 0.2);
  using native = loadPredictor(bytes, { engine: 'xgboost' });
  using walk = loadPredictor(bytes, { engine: 'tree-walk' });

  for (const width of [1, 3]) {
    const margin = Float32Array.from({ length: 50 * width }, (_, i) => i / 7);
    assert.deepEqual(walk.predict(values, 50, margin), native.predict(values, 50, margin));
  }
});

test('rows of nothing but NaN follow the missing branches; infinities go their way', { skip }, () => {
  const bytes = trainBytes(example);
  using native = loadPredictor(bytes, { engine: 'xgboost' });
  using walk = loadPredictor(bytes, { engine: 'tree-walk' });
  const missing = new Float32Array(COLUMNS).fill(Number.NaN);

  assert.deepEqual(walk.predict(missing, 1), native.predict(missing, 1));
  assert.ok(Number.isFinite(walk.predict(missing, 1)[0]));
  const extreme = Float32Array.of(Infinity, -Infinity, 3.4e38, -0);
  assert.ok(Number.isFinite(walk.predict(extreme, 1)[0]));
});

test('an untrained model predicts its base score', { skip }, () => {
  assert.equal(compareEngines(trainBytes({ ...example, rounds: 0 }, { base_score: 0.25 }), 3, 1), 0);
});

test('models that the walk cannot read are refused by name', { skip }, () => {
  const positive = { ...example, recipe: recipes['gamma'] as Recipe };
  const load = (extra: BoosterParameters) => () =>
    loadPredictor(trainBytes(positive, extra), { engine: 'tree-walk' });

  assert.throws(load({ booster: 'dart' }), {
    code: 'MLS_NATIVE_MODEL_UNSUPPORTED',
    message: /booster dart/,
  });
  assert.throws(load({ objective: 'reg:squaredlogerror' }), {
    code: 'MLS_NATIVE_MODEL_UNSUPPORTED',
    message: /objective reg:squaredlogerror/,
  });
});

test('inputs of the wrong length are refused', { skip }, () => {
  using walk = loadPredictor(trainBytes(example), { engine: 'tree-walk' });

  assert.throws(() => walk.predict(new Float32Array(5), 1), { code: 'MLS_NATIVE_SHAPE' });
  assert.throws(() => walk.predict(new Float32Array(8), 2, new Float32Array(3)), {
    code: 'MLS_NATIVE_SHAPE',
  });
});

test('truncated models are refused by both engines', { skip }, () => {
  for (const seed of [4, 5]) {
    const bytes = trainBytes({ ...example, seed });
    for (let keep = 0; keep < bytes.length; keep += 97) {
      const cut = bytes.slice(0, keep);
      assert.throws(() => loadPredictor(cut), { code: 'MLS_NATIVE_MODEL_CORRUPT' });
      assert.throws(() => openXgboost().loadBooster(cut), { code: 'MLS_NATIVE_MODEL_CORRUPT' });
    }
  }
});

test('one changed byte never crashes: the model is refused or loads', { skip }, () => {
  const intact = trainBytes(example);
  const rows = 20;
  fc.assert(
    fc.property(fc.nat(intact.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = intact.slice();
      bytes[at] = (bytes[at] as number) ^ flip;
      for (const engine of ['tree-walk', 'xgboost'] as const) {
        try {
          using predictor = loadPredictor(bytes, { engine });
          const values = new Float32Array(rows * predictor.featureCount);
          assert.equal(predictor.predict(values, rows).length, rows * predictor.outputCount);
        } catch (error) {
          assert.match((error as { code: string }).code, /^MLS_NATIVE_/, String(error));
        }
      }
    }),
    { numRuns: 300 },
  );
});
