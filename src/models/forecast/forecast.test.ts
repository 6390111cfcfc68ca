import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';

import { HORIZON_MINUTES, type ModelArtefact, type NodeForecast, type RawLoadSeries } from '#domain';
import {
  createFeatureWriter,
  createNodeHistory,
  FEATURE_CATALOGUE,
  FEATURE_COUNT,
  phasedSeries,
  pushSample,
  replayRows,
  valueAt,
  type NodeHistory,
} from '#features';
import { createRng } from '#kernel/rng';
import { checkModel } from '#models/checks';
import {
  createForecastTracker,
  fitForecast,
  forecastImportance,
  FORECAST_SCHEMA_VERSION,
  loadForecaster,
  ROW_ROLES,
  type FitEffort,
  type LoadForecaster,
  type PredictionRows,
  type TrainingRows,
} from '#models/forecast';
import { openXgboost, xgboostAvailability } from '#native';

import { conformalOffsets, coverage } from './conformal.ts';

const FEATURE_NAMES = FEATURE_CATALOGUE.map(({ name }) => name);
const STEP_MS = 300_000;
const DAY_MS = 86_400_000;
const START_MS = Math.floor(1_700_000_000_000 / DAY_MS) * DAY_MS;
const TINY: FitEffort = {
  maximumRounds: 6,
  intervalRounds: 4,
  learningRate: 0.3,
  depth: 3,
  seeds: 1,
  probeRows: 2000,
};

/** Load that jumps every hour and falls back: the last value is often wrong, yesterday and the hour before are not. */
function rhythmicSeries(seed: number, days: number): RawLoadSeries {
  const rng = createRng(seed);
  const length = days * 288;
  const timesMs = Float64Array.from({ length }, (_, i) => START_MS + i * STEP_MS);
  const load = (i: number): number => 0.3 + (i % 12 < 3 ? 0.3 : 0) + 0.01 * rng.normal();
  return {
    machine: `rhythm-${seed}`,
    timesMs,
    cpuUsageRatio: Float32Array.from({ length }, (_, i) => load(i)),
    memoryUsageRatio: undefined,
  };
}

function trainingRows(raw: RawLoadSeries): TrainingRows & PredictionRows {
  const grid = phasedSeries(raw, 0);
  const originsMs = Float64Array.from({ length: grid.length - 12 }, (_, i) => grid.startMs + i * STEP_MS);
  const rows = replayRows({ raw, target: 'cpu', originsMs }, createFeatureWriter());
  return {
    ...rows,
    actuals: HORIZON_MINUTES.map((minutes) =>
      Float32Array.from(originsMs, (originMs) => valueAt(grid, 'cpu', originMs + minutes * 60_000)),
    ),
    roles: Uint8Array.from(originsMs, (_, i) => (i < rows.rows * 0.8 ? ROW_ROLES.fit : ROW_ROLES.calibrate)),
  };
}

const training = trainingRows(rhythmicSeries(1, 4));

function fitTiny(seed: number): ModelArtefact {
  return fitForecast({ rows: { cpu: training }, effort: TINY, seed }).artefact;
}

/** Rows of features alone: the last value and deviation are fixed. */
function rowsOf(values: Float32Array): PredictionRows {
  const rows = values.length / FEATURE_COUNT;
  return {
    rows,
    values,
    anchors: new Float32Array(rows).fill(0.5),
    deviations: new Float32Array(rows).fill(0.05),
  };
}

function predictAll(model: LoadForecaster, values: Float32Array): Float32Array {
  const rows = rowsOf(values);
  const bands = HORIZON_MINUTES.map((minutes) => model.predictRows('cpu', minutes, rows));
  return Float32Array.from({ length: Math.floor(rows.rows) * 12 }, (_, i) => {
    const band = bands[Math.floor((i % 12) / 3)];
    const part = [band?.low05, band?.median, band?.high95][i % 3];
    return part?.[Math.floor(i / 12)] as number;
  });
}

const availability = xgboostAvailability();
const skip = availability.kind === 'available' ? false : 'libxgboost is missing: run make setup';

checkModel(
  {
    name: 'the load forecast',
    schemaVersion: FORECAST_SCHEMA_VERSION,
    rows: Float32Array.from(training.values.subarray(400 * FEATURE_COUNT, 406 * FEATURE_COUNT), (value) =>
      Number.isNaN(value) ? 0 : value,
    ),
    featureCount: FEATURE_COUNT,
    nanPolicy: 'finite',
    fit: async (seed) => loadForecaster(fitTiny(seed)),
    save: async (model) => model.artefact,
    load: async (artefact) => loadForecaster(artefact),
    predict: async (model, values) => predictAll(model, values),
    free: async (model) => model.free(),
  },
  skip === false ? {} : { skip },
);

function fillHistory(raw: RawLoadSeries, untilMs: number): NodeHistory {
  const history = createNodeHistory(raw.machine);
  raw.timesMs.forEach((timeMs, i) => {
    if (timeMs > untilMs) return;
    pushSample(history, {
      timeMs,
      cpuUsageRatio: raw.cpuUsageRatio[i] as number,
      memoryUsageRatio: Number.NaN,
    });
  });
  return history;
}

describe('the load forecast', { skip }, () => {
  test('learns a rhythm that the last value misses', () => {
    const effort = { ...TINY, maximumRounds: 60, intervalRounds: 30 };
    const { fits } = fitForecast({ rows: { cpu: training }, effort, seed: 1 });

    for (const fit of fits) {
      if (fit.horizonMinutes === 60) continue;
      assert.ok(fit.calibrationMaeRatio < 0.5 * fit.lastValueMaeRatio, `${fit.horizonMinutes} min`);
    }
  });

  test('never crosses its quantiles and stays in 0..1, whatever the row', () => {
    using model = loadForecaster(fitTiny(1));
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -50, max: 50 }), { minLength: FEATURE_COUNT, maxLength: FEATURE_COUNT }),
        (row) => {
          const all = predictAll(model, Float32Array.from(row));
          for (let i = 0; i < all.length; i += 3) {
            const [low = Number.NaN, middle = Number.NaN, high = Number.NaN] = all.subarray(i, i + 3);
            assert.ok(0 <= low && low <= middle && middle <= high && high <= 1, `${low} ${middle} ${high}`);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('gives the same bits by the tree walk as by the library', () => {
    const artefact = fitTiny(1);
    using native = loadForecaster(artefact, { engine: 'xgboost' });
    using walk = loadForecaster(artefact, { engine: 'tree-walk' });

    assert.deepEqual(predictAll(walk, training.values), predictAll(native, training.values));
  });

  test('forecasts live what the replayed row forecasts, and abstains with a reason', () => {
    const raw = rhythmicSeries(2, 3);
    const nowMs = raw.timesMs.at(-1) as number;
    using model = loadForecaster(fitTiny(1));
    const known = fillHistory(raw, nowMs);
    const young = fillHistory(
      { ...raw, machine: 'young', timesMs: raw.timesMs.map((t) => t + 2.98 * DAY_MS) },
      nowMs,
    );
    const stale = fillHistory({ ...raw, machine: 'stale' }, nowMs - DAY_MS);
    const rows = replayRows({ raw, target: 'cpu', originsMs: Float64Array.of(nowMs) }, createFeatureWriter());
    const median = model.predictRows('cpu', 15, rows)?.median[0];

    const alone = model
      .forecast([known], nowMs)
      .find((one) => one.target === 'cpu' && one.horizonMinutes === 15);
    const all = model.forecast([known, young, stale, createNodeHistory('silent')], nowMs);
    const reasonOf = (node: string, target: string): string => {
      const found = all.find((one) => one.node === node && one.target === target);
      return found?.kind === 'abstained' ? found.reason : 'forecast';
    };

    assert.equal(alone?.kind === 'forecast' ? alone.medianRatio : undefined, median);
    assert.equal(all.length, 4 * 2 * HORIZON_MINUTES.length);
    assert.deepEqual(
      ['rhythm-2', 'young', 'stale', 'silent'].map((node) => reasonOf(node, 'cpu')),
      ['forecast', 'too-little-history', 'stale', 'missing'],
    );
    assert.equal(reasonOf('rhythm-2', 'memory'), 'no-model');
  });

  test('refuses a series that is unknown throughout and one that is far too short', () => {
    const blind = { ...training, anchors: training.anchors.map(() => Number.NaN) };

    assert.throws(() => fitForecast({ rows: { cpu: blind }, effort: TINY, seed: 1 }), {
      code: 'MLS_FORECAST_TOO_FEW_ROWS',
    });
    assert.throws(() => fitForecast({ rows: {}, effort: TINY, seed: 1 }), { code: 'MLS_FORECAST_NO_TARGET' });
  });

  test('takes a constant series and says that it stays', () => {
    const flat = rhythmicSeries(3, 3);
    const raw = { ...flat, cpuUsageRatio: flat.cpuUsageRatio.map(() => 0.25) };
    using model = loadForecaster(
      fitForecast({ rows: { cpu: trainingRows(raw) }, effort: TINY, seed: 1 }).artefact,
    );
    const forecasts = model
      .forecast([fillHistory(raw, Infinity)], raw.timesMs.at(-1) as number)
      .filter((one) => one.kind === 'forecast');

    assert.equal(forecasts.length, HORIZON_MINUTES.length);
    assert.ok(forecasts.every((one) => one.medianRatio === 0.25 && one.high95Ratio - one.low05Ratio < 0.01));
  });
});

describe('explaining, going on and following', { skip }, () => {
  test('the contributions of all features add up to the median', () => {
    using model = loadForecaster(fitTiny(1), { engine: 'xgboost' });
    const values = training.values.slice(400 * FEATURE_COUNT, 401 * FEATURE_COUNT);
    const row = rowsOf(values);
    const median = model.predictRows('cpu', 15, row)?.median[0] as number;
    const explained = model.explain('cpu', 15, row);
    const sum = explained?.contributions.reduce(
      (all, one) => all + one.contributionRatio,
      explained.baseRatio,
    );
    using walk = loadForecaster(fitTiny(1), { engine: 'tree-walk' });

    assert.ok(Math.abs((sum ?? Number.NaN) - median) < 1e-5, `${sum} is not ${median}`);
    assert.equal(explained?.contributions.length, FEATURE_COUNT);
    assert.equal(model.explain('memory', 15, row), undefined);
    assert.equal(walk.explain('cpu', 15, row), undefined);
  });

  test('the importances of a model are shares that add up to 1, the largest first', () => {
    const [first] = forecastImportance(fitTiny(1));
    const shares = first?.features.map(({ gainShare }) => gainShare) ?? [];

    assert.equal(shares.length, FEATURE_COUNT);
    assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-6);
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => b - a),
    );
  });

  test('a warm start keeps the trees it had and adds to them', () => {
    const first = fitForecast({ rows: { cpu: training }, effort: TINY, seed: 1, machines: ['a'] });
    const warm = fitForecast({
      rows: { cpu: training },
      effort: TINY,
      seed: 2,
      machines: ['b'],
      continueFrom: first.artefact,
    });
    const library = openXgboost();
    const roundsOf = (artefact: ModelArtefact): number => {
      using booster = library.loadBooster(artefact.files.get('cpu-15m-median-0.ubj') as Uint8Array);
      return booster.boostedRounds();
    };
    using model = loadForecaster(warm.artefact);
    const [fit, before] = [warm.fits[1], first.fits[1]];

    assert.equal(roundsOf(warm.artefact), roundsOf(first.artefact) + (fit?.rounds ?? 0));
    assert.ok((fit?.calibrationMaeRatio ?? 1) <= (before?.calibrationMaeRatio ?? 0));
    assert.deepEqual([...model.machines], ['a', 'b']);
  });

  test('a hidden feature changes no forecast', () => {
    const shown = FEATURE_NAMES.filter((name) => name !== 'last_value');
    const effort = { ...TINY, features: shown };
    using model = loadForecaster(fitForecast({ rows: { cpu: training }, effort, seed: 1 }).artefact);
    const values = training.values.slice(400 * FEATURE_COUNT, 401 * FEATURE_COUNT);
    const changed = values.slice();
    changed[FEATURE_NAMES.indexOf('last_value')] = 17;

    assert.deepEqual(predictAll(model, changed), predictAll(model, values));
  });

  test('live, a tracker corrects the band once truths have come in', () => {
    const raw = rhythmicSeries(4, 3);
    using model = loadForecaster(fitTiny(1));
    const tracker = createForecastTracker();
    const history = createNodeHistory(raw.machine);
    const bandAt15 = (found: readonly NodeForecast[]): NodeForecast | undefined =>
      found.find(({ target, horizonMinutes }) => target === 'cpu' && horizonMinutes === 15);
    raw.timesMs.forEach((timeMs, i) => {
      pushSample(history, {
        timeMs,
        cpuUsageRatio: raw.cpuUsageRatio[i] as number,
        memoryUsageRatio: Number.NaN,
      });
      if (i === 20) {
        const first = bandAt15(model.forecast([history], timeMs, tracker));
        assert.deepEqual(first?.kind, 'forecast');
      }
      if (i > 20) model.forecast([history], timeMs, tracker);
    });
    const nowMs = raw.timesMs.at(-1) as number;
    const corrected = bandAt15(model.forecast([history], nowMs, tracker));
    const plain = bandAt15(model.forecast([history], nowMs));

    assert.ok(corrected?.kind === 'forecast' && plain?.kind === 'forecast');
    assert.notEqual(corrected.high95Ratio, plain.high95Ratio);
  });

  test('a machine with an hour of history is forecast, with a wider band', () => {
    const raw = rhythmicSeries(5, 4);
    const nowMs = raw.timesMs.at(-1) as number;
    const young = {
      ...raw,
      machine: 'young',
      timesMs: raw.timesMs.map((t) => t + (4 * 24 - 1.1) * 3_600_000),
    };
    const calibration = { low: 0, high: 0 };
    const artefact = withYoungOffsets(fitTiny(1), calibration, { low: 1, high: 1 });
    using model = loadForecaster(artefact);
    const widthOf = (history: NodeHistory): number => {
      const [found] = model.forecast([history], nowMs);
      return found?.kind === 'forecast' ? found.high95Ratio - found.low05Ratio : Number.NaN;
    };
    using same = loadForecaster(withYoungOffsets(fitTiny(1), calibration, calibration));
    const [narrow] = same.forecast([fillHistory(young, nowMs)], nowMs);

    assert.ok(narrow?.kind === 'forecast');
    assert.ok(widthOf(fillHistory(young, nowMs)) > narrow.high95Ratio - narrow.low05Ratio);
    assert.ok(widthOf(fillHistory(raw, nowMs)) > 0);
  });
});

/** The artefact with other corrections in its manifest. */
function withYoungOffsets(artefact: ModelArtefact, settled: object, young: object): ModelArtefact {
  const manifest = JSON.parse(new TextDecoder().decode(artefact.files.get('forecast.json'))) as {
    horizons: { calibration: object }[];
  };
  for (const horizon of manifest.horizons) Object.assign(horizon.calibration, { settled, young });
  const files = new Map(artefact.files);
  files.set('forecast.json', new TextEncoder().encode(JSON.stringify(manifest)));
  return { ...artefact, files };
}

describe('the conformal correction', () => {
  test('brings any interval to the promised share of its own rows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -5, max: 5, noNaN: true }), { minLength: 60, maxLength: 300 }),
        fc.float({ min: -3, max: 3, noNaN: true }),
        fc.float({ min: 0, max: 3, noNaN: true }),
        (values, from, width) => {
          const truth = Float32Array.from(values);
          const low = truth.map(() => from);
          const high = truth.map(() => from + width);
          const offsets = conformalOffsets({ low, high, truth });
          const corrected = {
            low: low.map((value) => value - offsets.low - 1e-4),
            high: high.map((value) => value + offsets.high + 1e-4),
            truth,
          };

          assert.ok(coverage(corrected) >= 0.88, `covers ${coverage(corrected)}`);
        },
      ),
    );
  });

  test('leaves the interval alone without rows', () => {
    const none = new Float32Array(0);

    assert.deepEqual(conformalOffsets({ low: none, high: none, truth: none }), { low: 0, high: 0 });
  });
});
