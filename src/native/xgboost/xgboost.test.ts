import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, test } from 'node:test';

import { createRng } from '#kernel/rng';
import { loadPredictor, openXgboost, trainBooster, xgboostAvailability } from '#native';
import type { BoosterParameters, MatrixBatch, TrainingMatrix } from '#native';

const availability = xgboostAvailability();
const skip = availability.kind === 'available' ? false : availability.reason;

interface Table {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float32Array;
  readonly labels: Float32Array;
}

/** A smooth target of two features, noise, and every tenth value missing. */
function makeTable(rows: number, seed: number, columns = 5): Table {
  const rng = createRng(seed);
  const values = Float32Array.from({ length: rows * columns }, () =>
    rng.next() < 0.1 ? Number.NaN : rng.normal(),
  );
  const known = (row: number, column: number): number => values[row * columns + column] || 0;
  const labels = Float32Array.from(
    { length: rows },
    (_, row) => 2 * known(row, 0) - known(row, 1) ** 2 + 0.3 * rng.normal(),
  );
  return { rows, columns, values, labels };
}

function cut(table: Table, begin: number, end: number): MatrixBatch {
  const { values, labels, columns } = table;
  return {
    values: values.subarray(begin * columns, end * columns),
    labels: labels.subarray(begin, end),
  };
}

const table = makeTable(1200, 1);
const fresh = makeTable(300, 2);
const plain: BoosterParameters = { objective: 'reg:squarederror', max_depth: 4, eta: 0.3, seed: 7 };

function matrixOf(source: Table, reference?: TrainingMatrix): TrainingMatrix {
  const batches = [cut(source, 0, source.rows)];
  return openXgboost().createMatrix({
    columns: source.columns,
    batches,
    ...(reference === undefined ? {} : { reference }),
  });
}

function train(parameters: BoosterParameters, rounds = 20): Uint8Array {
  using training = matrixOf(table);
  using booster = trainBooster(openXgboost(), { parameters, training, rounds }).booster;
  return booster.save('ubj');
}

function meanAbsoluteError(predicted: Float32Array, labels: Float32Array): number {
  return (
    predicted.reduce((sum, value, i) => sum + Math.abs(value - (labels[i] as number)), 0) / labels.length
  );
}

describe('the native library', { skip }, () => {
  test('is the pinned version', () => {
    assert.equal(openXgboost().version, '3.2.0');
  });

  test('a trained model predicts unseen rows far better than the mean', () => {
    using predictor = loadPredictor(train(plain, 60));
    const predicted = predictor.predict(fresh.values, fresh.rows);
    const centre = table.labels.reduce((sum, value) => sum + value, 0) / table.rows;

    const ours = meanAbsoluteError(predicted, fresh.labels);
    const rival = meanAbsoluteError(new Float32Array(fresh.rows).fill(centre), fresh.labels);
    assert.ok(ours < rival / 2, `${ours} against ${rival}`);
  });

  test('the same seed gives the same bytes', () => {
    const sampled = { ...plain, subsample: 0.7, colsample_bytree: 0.6 };

    assert.deepEqual(train(sampled), train(sampled));
    assert.notDeepEqual(train({ ...sampled, seed: 8 }), train(sampled));
  });

  test('several batches give the model that one array gives', () => {
    const library = openXgboost();
    const bounds = [0, 1, 400, 401, 1000, 1200];
    const batches = bounds.slice(1).map((end, i) => cut(table, bounds[i] as number, end));
    using split = library.createMatrix({ columns: table.columns, batches });
    let passes = 0;
    using lazy = library.createMatrix({
      columns: table.columns,
      batches: function* () {
        passes++;
        yield* batches;
      },
    });
    const save = (training: TrainingMatrix): Uint8Array => {
      using booster = trainBooster(library, { parameters: plain, training, rounds: 10 }).booster;
      return booster.save('ubj');
    };

    assert.equal(split.rows, table.rows);
    assert.deepEqual(save(split), save(lazy));
    assert.ok(passes > 1, 'the sketch needs several passes');
    assert.deepEqual(save(split), train(plain, 10));
  });

  test('weights of zero take rows out', () => {
    const library = openXgboost();
    const half = { ...cut(table, 0, 600) };
    const weights = Float32Array.from({ length: table.rows }, (_, i) => (i < 600 ? 1 : 0));
    const wrongLabels = table.labels.map((label, i) => (i < 600 ? label : 1000));
    using weighted = library.createMatrix({
      columns: table.columns,
      batches: [{ values: table.values, labels: wrongLabels, weights }],
    });
    using alone = library.createMatrix({ columns: table.columns, batches: [half] });
    const error = (training: TrainingMatrix): number => {
      using booster = trainBooster(library, { parameters: plain, training, rounds: 30 }).booster;
      return meanAbsoluteError(booster.predict(fresh.values, fresh.rows).values, fresh.labels);
    };

    assert.ok(Math.abs(error(weighted) - error(alone)) < 0.15);
  });

  test('training starts from the base margin, and so does prediction', () => {
    const library = openXgboost();
    const margin = table.labels.map((label) => label - 1);
    using training = library.createMatrix({
      columns: table.columns,
      batches: [{ values: table.values, labels: table.labels, baseMargin: margin }],
    });
    using booster = trainBooster(library, { parameters: plain, training, rounds: 40 }).booster;
    const predicted = booster.predict(table.values, table.rows, { baseMargin: margin });

    assert.ok(meanAbsoluteError(predicted.values, table.labels) < 0.01);
  });

  test('early stopping keeps exactly the best round', () => {
    const library = openXgboost();
    using training = matrixOf(makeTable(200, 3));
    using validation = matrixOf(makeTable(200, 4), training);
    const result = trainBooster(library, {
      parameters: { ...plain, eta: 0.5, max_depth: 6, eval_metric: 'mae' },
      training,
      evaluation: { train: training, valid: validation },
      rounds: 200,
      earlyStoppingRounds: 5,
    });
    using booster = result.booster;

    const values = result.history.map(({ metrics }) => metrics.at(-1)?.value ?? Number.NaN);
    assert.ok(result.history.length < 200);
    assert.equal(result.bestRound, values.indexOf(Math.min(...values)));
    assert.equal(result.bestValue, Math.min(...values));
    assert.equal(booster.boostedRounds(), result.bestRound + 1);
    assert.deepEqual(
      result.history[0]?.metrics.map(({ set, metric }) => `${set} ${metric}`),
      ['train mae', 'valid mae'],
    );
    const evaluated = booster.evaluate({ valid: validation }, 0)[0]?.value;
    assert.ok(Math.abs((evaluated ?? Number.NaN) - result.bestValue) < 1e-6);
  });

  test('a caller can stop training after any round', () => {
    using training = matrixOf(table);
    const result = trainBooster(openXgboost(), {
      parameters: plain,
      training,
      rounds: 50,
      onRound: ({ round }) => (round === 2 ? 'stop' : 'continue'),
    });
    using booster = result.booster;

    assert.equal(booster.boostedRounds(), 3);
  });

  test('a warm start adds rounds to the trees of the first model', () => {
    using training = matrixOf(table);
    const result = trainBooster(openXgboost(), {
      parameters: plain,
      training,
      rounds: 10,
      continueFrom: train(plain, 10),
    });
    using booster = result.booster;

    assert.equal(booster.boostedRounds(), 20);
    using whole = openXgboost().loadBooster(train(plain, 20));
    const difference = meanAbsoluteError(
      booster.predict(fresh.values, fresh.rows).values,
      whole.predict(fresh.values, fresh.rows).values,
    );
    assert.ok(difference < 1e-5, String(difference));
  });

  test('quantiles come side by side, rarely cross, and cover what they say', () => {
    using predictor = loadPredictor(
      train({ objective: 'reg:quantileerror', quantile_alpha: [0.05, 0.5, 0.95], max_depth: 3 }, 60),
    );
    const predicted = predictor.predict(table.values, table.rows);
    const inside = table.labels.filter((label, row) => {
      const [low, , high] = predicted.subarray(row * 3, row * 3 + 3);
      return label >= (low as number) && label <= (high as number);
    });

    assert.equal(predictor.outputCount, 3);
    assert.equal(predicted.length, 3 * table.rows);
    const coverage = inside.length / table.rows;
    assert.ok(coverage > 0.85 && coverage < 0.97, String(coverage));
  });

  test('SHAP contributions and the bias add up to the margin; leaves are indices', () => {
    using booster = openXgboost().loadBooster(train(plain, 12));
    const margins = booster.predict(fresh.values, fresh.rows, { kind: 'margin' }).values;
    const contributions = booster.predict(fresh.values, fresh.rows, { kind: 'contributions' });
    const leaves = booster.predict(fresh.values, fresh.rows, { kind: 'leaf' });

    assert.deepEqual(contributions.shape, [fresh.rows, fresh.columns + 1]);
    for (let row = 0; row < fresh.rows; row++) {
      const width = fresh.columns + 1;
      const sum = contributions.values
        .subarray(row * width, (row + 1) * width)
        .reduce((total, part) => total + part, 0);
      assert.ok(Math.abs(sum - (margins[row] as number)) < 1e-4);
    }
    assert.deepEqual(leaves.shape.slice(0, 2), [fresh.rows, 12]);
    assert.ok(leaves.values.every((leaf) => Number.isInteger(leaf) && leaf > 0));
  });

  test('contributions of several quantiles have a row an output', () => {
    using booster = openXgboost().loadBooster(
      train({ objective: 'reg:quantileerror', quantile_alpha: [0.1, 0.9] }, 5),
    );

    assert.deepEqual(booster.predict(fresh.values, fresh.rows, { kind: 'contributions' }).shape, [
      fresh.rows,
      2,
      fresh.columns + 1,
    ]);
  });

  test('feature names and importances survive saving; useless features rank low', () => {
    const library = openXgboost();
    const featureNames = ['load', 'squared', 'noise a', 'noise b', 'noise c'];
    using training = library.createMatrix({
      columns: 5,
      batches: [cut(table, 0, table.rows)],
      featureNames,
    });
    using booster = trainBooster(library, { parameters: plain, training, rounds: 20 }).booster;
    using reloaded = library.loadBooster(booster.save('json'));
    const gains = [...reloaded.featureImportance('total_gain')].sort((a, b) => b[1] - a[1]);

    assert.deepEqual(reloaded.featureNames(), featureNames);
    assert.deepEqual(
      gains.slice(0, 2).map(([name]) => name),
      ['load', 'squared'],
    );
  });

  test('both formats load to the same predictions as the model in memory', () => {
    using training = matrixOf(table);
    using booster = trainBooster(openXgboost(), { parameters: plain, training, rounds: 8 }).booster;
    const expected = booster.predict(fresh.values, fresh.rows).values;

    for (const format of ['ubj', 'json'] as const) {
      using reloaded = openXgboost().loadBooster(booster.save(format));
      assert.deepEqual(reloaded.predict(fresh.values, fresh.rows).values, expected);
    }
  });

  test('a batch predicts what its rows predict one by one, on any number of threads', () => {
    using booster = openXgboost().loadBooster(train(plain));
    const whole = booster.predict(fresh.values, fresh.rows).values;
    booster.setParameters({ nthread: 2 });

    assert.deepEqual(booster.predict(fresh.values, fresh.rows).values, whole);
    for (let row = 0; row < 40; row++) {
      const one = fresh.values.slice(row * fresh.columns, (row + 1) * fresh.columns);
      assert.deepEqual(booster.predict(one, 1).values, whole.slice(row, row + 1));
    }
  });

  test('no rows predict nothing', () => {
    using booster = openXgboost().loadBooster(train(plain, 2));

    assert.equal(booster.predict(new Float32Array(0), 0).values.length, 0);
  });

  test('use after free and a second free are told, leaving a block is not', () => {
    const bytes = train(plain, 2);
    const booster = openXgboost().loadBooster(bytes);
    booster.free();
    assert.throws(() => booster.predict(fresh.values, fresh.rows), { code: 'MLS_NATIVE_FREED' });
    assert.throws(() => booster.free(), { code: 'MLS_NATIVE_FREED' });
    booster[Symbol.dispose]();

    const matrix = matrixOf(table);
    matrix.free();
    assert.throws(() => trainBooster(openXgboost(), { parameters: plain, training: matrix, rounds: 1 }), {
      code: 'MLS_NATIVE_FREED',
    });
  });

  test("errors carry the first line of the library's message", () => {
    using training = matrixOf(table);
    const attempt = (parameters: BoosterParameters) => () =>
      trainBooster(openXgboost(), { parameters, training, rounds: 1 });

    assert.throws(attempt({ objective: 'reg:nonsense' }), (error: Error) => {
      assert.match(error.message, /reg:nonsense/);
      assert.doesNotMatch(error.message, /\n|Stack trace/);
      return true;
    });
    assert.throws(attempt({ eta: Number.NaN }), /set parameter eta: NaN is not finite/);
    assert.throws(attempt({ max_depth: 'deep' }), { code: 'MLS_NATIVE_XGBOOST_FAILED' });
  });

  test('data of the wrong shape or with infinities are refused', () => {
    const library = openXgboost();
    using booster = library.loadBooster(train(plain, 2));
    const build = (batch: MatrixBatch) => () => library.createMatrix({ columns: 5, batches: [batch] });

    assert.throws(() => booster.predict(fresh.values, fresh.rows - 1), { code: 'MLS_NATIVE_SHAPE' });
    assert.throws(build({ values: new Float32Array(7) }), { code: 'MLS_NATIVE_SHAPE' });
    assert.throws(build({ values: new Float32Array(10), labels: new Float32Array(3) }), {
      code: 'MLS_NATIVE_SHAPE',
    });
    assert.throws(build({ values: Float32Array.of(1, 2, Infinity, 4, 5), labels: Float32Array.of(1) }), {
      code: 'MLS_NATIVE_XGBOOST_FAILED',
    });
    assert.throws(() => library.createMatrix({ columns: 5, batches: [] }), {
      code: 'MLS_NATIVE_XGBOOST_FAILED',
    });
  });

  test("an error of the batches' own source comes out as it was thrown", () => {
    const broken = new Error('disk gone');
    const batches = function* (): Generator<MatrixBatch> {
      yield cut(table, 0, 100);
      throw broken;
    };

    assert.throws(() => openXgboost().createMatrix({ columns: table.columns, batches }), broken);
  });

  test('early stopping without an evaluation set is refused', () => {
    using training = matrixOf(table);

    assert.throws(
      () => trainBooster(openXgboost(), { parameters: plain, training, rounds: 5, earlyStoppingRounds: 2 }),
      { code: 'MLS_NATIVE_NO_EVALUATION' },
    );
  });
});

test('a library that is not there or does not load is told, with what to do', (t) => {
  const before = process.env['MLSCHED_XGBOOST_LIBRARY'];
  t.after(() => {
    if (before === undefined) delete process.env['MLSCHED_XGBOOST_LIBRARY'];
    else process.env['MLSCHED_XGBOOST_LIBRARY'] = before;
  });
  for (const path of ['/nowhere/libxgboost.so', import.meta.filename]) {
    process.env['MLSCHED_XGBOOST_LIBRARY'] = path;
    const found = xgboostAvailability();

    assert.equal(found.kind, 'unavailable');
    assert.ok(found.kind === 'unavailable' && found.reason.includes(path));
    assert.ok(found.kind === 'unavailable' && found.hint.includes('make setup'));
    assert.throws(() => openXgboost(), { code: 'MLS_NATIVE_XGBOOST_UNAVAILABLE' });
  }
  assert.ok(existsSync(import.meta.filename));
});
