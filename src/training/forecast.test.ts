import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { HORIZON_MINUTES, type RawLoadSeries } from '#domain';
import { phasedSeries } from '#features';
import { noProgress } from '#kernel/progress';
import { createRng } from '#kernel/rng';
import { xgboostAvailability } from '#native';
import { writeParquet } from '#platform/files';
import { openFileTracker } from '#registry';
import { crossValidateForecast, evaluateForecast, trainForecast } from '#training';

import { createAnnouncementBoard } from './forecast-announce.ts';
import { cutAtShare } from './forecast-cross-validate.ts';
import { collectTrainingRows } from './forecast-data.ts';
import { DetailBoard } from './forecast-detail.ts';
import { FORECAST_EFFORTS } from './forecast-efforts.ts';
import { rivalForecasts } from './forecast-rivals.ts';
import { createScoreBoard } from './forecast-score.ts';
import { splitSpan } from './forecast-split.ts';
import { createForecastTrainer } from './forecast-trainer.ts';

const STEP_MS = 300_000;
const START_MS = Date.UTC(2026, 0, 5);
const DAYS = 4;

function series(
  machine: string,
  seed: number,
  options: { memory: boolean } = { memory: false },
): RawLoadSeries {
  const rng = createRng(seed);
  const length = DAYS * 288;
  const rhythm = (i: number): number => 0.3 + (i % 12 < 3 ? 0.2 : 0) + 0.02 * rng.normal();
  return {
    machine,
    timesMs: Float64Array.from({ length }, (_, i) => START_MS + i * STEP_MS),
    cpuUsageRatio: Float32Array.from({ length }, (_, i) => rhythm(i)),
    memoryUsageRatio: options.memory ? Float32Array.from({ length }, (_, i) => 0.1 + rhythm(i)) : undefined,
  };
}

const machines = ['a', 'b', 'c'].map((machine, i) => series(machine, i + 1));

describe('the protocol', () => {
  test('cuts the span of a machine 70 / 15 / 15', () => {
    const grid = phasedSeries(series('a', 1), 0);
    const borders = splitSpan(grid);
    const windowsBefore = (timeMs: number): number => (timeMs - grid.startMs) / STEP_MS;

    assert.equal(windowsBefore(borders.calibrationStartMs), Math.floor(0.7 * DAYS * 288));
    assert.equal(windowsBefore(borders.testStartMs), Math.floor(0.85 * DAYS * 288));
    assert.equal(windowsBefore(borders.endMs), DAYS * 288);
  });

  test('lets no training row or label reach into the test span', () => {
    const changed = machines.map((raw) => {
      const { testStartMs } = splitSpan(phasedSeries(raw, 0));
      const scramble = (value: number, i: number): number =>
        (raw.timesMs[i] as number) >= testStartMs ? 1 - value : value;
      return { ...raw, cpuUsageRatio: raw.cpuUsageRatio.map(scramble) };
    });
    const collect = (all: readonly RawLoadSeries[]) =>
      collectTrainingRows({ series: all, target: 'cpu', rows: 10_000, seed: 1 });

    assert.deepEqual(collect(changed), collect(machines));
  });

  test('keeps labels of fit rows out of the calibration span', () => {
    const rows = collectTrainingRows({ series: machines.slice(0, 1), target: 'cpu', rows: 10_000, seed: 1 });
    const fitRows = rows?.roles.filter((role) => role === 0).length ?? 0;
    const unknown = HORIZON_MINUTES.map(
      (_, horizon) =>
        rows?.actuals[horizon]?.subarray(0, fitRows).filter((value) => Number.isNaN(value)).length,
    );

    assert.deepEqual(unknown, [1, 3, 6, 12]);
  });

  test('has no rows for a resource that no machine carries', () => {
    assert.equal(collectTrainingRows({ series: machines, target: 'memory', rows: 100, seed: 1 }), undefined);
  });
});

describe('the rivals', () => {
  test('say the last value, the value of yesterday and the mean of the last hour', () => {
    const length = 2 * 288;
    const grid = phasedSeries(
      {
        machine: 'm',
        timesMs: Float64Array.from({ length }, (_, i) => START_MS + i * STEP_MS),
        cpuUsageRatio: Float32Array.from({ length }, (_, i) => i / 1000),
        memoryUsageRatio: undefined,
      },
      0,
    );
    const said = rivalForecasts(grid, 'cpu', { originMs: START_MS + 400 * STEP_MS, horizonMinutes: 30 });
    const early = rivalForecasts(grid, 'cpu', { originMs: START_MS + 100 * STEP_MS, horizonMinutes: 30 });
    const near = (actual: number, expected: number): void => assert.ok(Math.abs(actual - expected) < 1e-6);

    near(said.lastValue, 0.4);
    near(said.seasonalNaive, (400 + 6 - 288) / 1000);
    near(said.hourMean, (400 - 5.5) / 1000);
    near(early.seasonalNaive, 0.1);
  });
});

describe('the score', () => {
  test('is the contract: accuracy, error, mase, skill and coverage of the rows', () => {
    const board = createScoreBoard('cpu', 15);
    const row = { machine: 'm', originMs: 0, actual: 0.5, lastWeek: 0.5, announcePosition: 0 };
    board.add({ ...row, forecasts: [0.4, 0.3, 0.1, 0.8], low05: 0.3, high95: 0.6 });
    board.add({ ...row, machine: 'n', forecasts: [0.5, 0.5, 0.5, 0.5], low05: 0.6, high95: 0.7 });
    const [ours, last] = board.results(1);
    assert.ok(ours && last);
    const near = (actual: number | null | undefined, expected: number): void =>
      assert.ok(Math.abs((actual ?? Number.NaN) - expected) < 1e-9, `${actual} is not ${expected}`);

    near(ours.wapeAccuracyRatio, 0.9);
    near(ours.maeRatio, 0.05);
    near(ours.mase, 0.5);
    near(ours.skillRatio, 0.5);
    near(ours.coverage90Ratio, 0.5);
    near(ours.medianMachineAccuracyRatio, 0.9);
    assert.deepEqual([ours.machines, ours.points], [2, 2]);
    near(last.mase, 1);
    near(last.skillRatio, 0);
    assert.equal(last.coverage90Ratio, null);
  });

  test('counts hot moments that were announced, and false alarms, beside the last value', () => {
    const board = createAnnouncementBoard('cpu', 15);
    const row = { machine: 'm', originMs: 0, lastWeek: 0.5, announcePosition: 0.5, low05: 0.6, high95: 0.9 };
    board.add({ ...row, actual: 0.85, forecasts: [0.75, 0.7, 0.7, 0.7] });
    board.add({ ...row, actual: 0.85, forecasts: [0.65, 0.85, 0.7, 0.7] });
    board.add({ ...row, actual: 0.7, forecasts: [0.79, 0.7, 0.7, 0.7] });

    assert.deepEqual(board.result(), {
      target: 'cpu',
      horizonMinutes: 15,
      thresholdRatio: 0.8,
      moments: 2,
      announcedRatio: 0.5,
      falseAlarmRatio: 0.5,
      lastValue: { announcedRatio: 0.5, falseAlarmRatio: 0 },
    });
    assert.equal(createAnnouncementBoard('cpu', 15).result(), undefined);
  });

  test('groups rows by machine, hour and load', () => {
    const detail = detailOfTwo();
    const { machines: groups = [], hours = [] } = detail ?? {};

    assert.deepEqual(
      groups.map(({ name, points }) => `${name} ${points}`),
      ['a 20', 'b 20'],
    );
    assert.deepEqual([hours.length, hours[1]?.points, detail?.topLoad.points], [24, 2, 2]);
    assert.ok(Math.abs((detail?.topLoad.errors[0] ?? 0) - 0.25) < 1e-9);
    assert.deepEqual([detail?.calibration.below95, detail?.all.coverage90Ratio], [39 / 40, 39 / 40]);
  });

  /** 40 hours of two machines in turn, one of them hot. */
  function detailOfTwo() {
    const board = new DetailBoard('cpu', 60);
    for (let i = 0; i < 40; i++) {
      board.add({
        machine: i % 2 === 0 ? 'a' : 'b',
        originMs: START_MS + i * 3_600_000,
        actual: i === 7 ? 0.9 : 0.4,
        forecasts: [0.5, 0.4, 0.4, 0.4],
        low05: 0.3,
        high95: 0.6,
        lastWeek: 0.2,
        announcePosition: 0,
      });
    }
    return board.result();
  }

  test('has no result without a row', () => {
    assert.deepEqual(createScoreBoard('cpu', 5).results(1), []);
  });
});

const availability = xgboostAvailability();
const skip = availability.kind === 'available' ? false : 'libxgboost is missing: run make setup';

describe('forecast training and evaluation', { skip }, () => {
  let folder = '';
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mlsched-forecast-'));
    for (const [i, machine] of ['a', 'b', 'c'].entries()) {
      const { timesMs, cpuUsageRatio } = series(machine, i + 1);
      await writeParquet(join(folder, `${machine}.parquet`), [
        {
          name: 'machine',
          type: 'text',
          values: { codes: new Int32Array(timesMs.length), dictionary: [machine] },
        },
        { name: 'time', type: 'time', values: timesMs },
        { name: 'cpu_usage_ratio', type: 'float', values: cpuUsageRatio },
      ]);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('beats the rivals on a rhythm, gives one row a model and horizon, and traces on request', async () => {
    const options = { dataDirectory: folder, budget: 'demo', seed: 1, traces: 2 } as const;
    const report = await evaluateForecast(options);
    const ours = report.results.filter(({ model }) => model === 'mlsched');

    assert.equal(report.results.length, 4 * HORIZON_MINUTES.length);
    assert.ok(report.results.every(({ target, machines: count }) => target === 'cpu' && count === 3));
    assert.ok(
      ours.filter(({ horizonMinutes }) => horizonMinutes < 60).every(({ skillRatio }) => skillRatio > 0.2),
    );
    assert.equal(report.traces.length, 2);
    assert.ok(
      report.traces.every(({ timesMs, median }) => timesMs.length === median.length && median.length > 0),
    );
  });

  test('judges every machine once on the same rows when machines are held out', async () => {
    const options = { dataDirectory: folder, budget: 'demo', seed: 1 } as const;
    const time = await evaluateForecast(options);
    const held = await evaluateForecast({ ...options, protocol: 'machines' });
    const rivalsOf = (report: typeof time) => report.results.filter(({ model }) => model === 'last-value');

    assert.deepEqual(
      held.results.map(({ points }) => points),
      time.results.map(({ points }) => points),
    );
    assert.deepEqual(rivalsOf(held), rivalsOf(time));
  });

  test('trains a model that judges machines it never saw, without training', async () => {
    const trained = await trainForecast({ dataDirectory: folder, budget: 'demo', seed: 1 });
    const report = await evaluateForecast({ dataDirectory: folder, artefact: trained.artefact, seed: 1 });

    assert.equal(report.protocol, 'saved-model');
    assert.deepEqual(report.results, trained.results);
    assert.ok((trained.metrics['cpu_15m_skill_ratio'] ?? 0) > 0);
    assert.deepEqual(Object.keys(trained.rows), ['cpu']);
  });

  test('rolls its origins forward through the past and stops when told to', async () => {
    const ends: number[] = [];
    const result = await crossValidateForecast(machines, {
      effort: FORECAST_EFFORTS.demo,
      seed: 1,
      horizons: [15],
      ends: [0.7, 0.85, 1],
      async onOrigin({ endRatio, mase }) {
        assert.ok(mase < 1, `error ratio ${mase}`);
        ends.push(endRatio);
        return ends.length === 2 ? 'stop' : 'continue';
      },
    });
    const [first] = cutAtShare(machines, 0.5);

    assert.deepEqual(ends, [0.7, 0.85]);
    assert.equal(result.isComplete, false);
    assert.equal(first?.timesMs.length, (DAYS * 288) / 2);
  });

  test('notes a training as a run, with what was learned', async () => {
    const tracker = openFileTracker({ home: join(folder, '..', `runs-${process.pid}`) });
    const options = { dataDirectory: folder, budget: 'demo', seed: 1, lastDays: 3, tracker } as const;
    const trained = await trainForecast(options);
    const [run] = await tracker.listRuns('load-forecast');

    assert.equal(run?.status, 'finished');
    assert.equal(run?.parameters['lastDays'], 3);
    assert.deepEqual(run?.metrics['cpu_15m_skill_ratio'], [
      { step: 0, value: trained.metrics['cpu_15m_skill_ratio'] },
    ]);
    rmSync(join(folder, '..', `runs-${process.pid}`), { recursive: true, force: true });
  });

  test('gives the same model for the same seed, however many workers train it', async () => {
    const first = createForecastTrainer(machines.slice(0, 2), 1);
    const second = createForecastTrainer(machines.slice(0, 2), 2);
    const request = { effort: FORECAST_EFFORTS.demo, seed: 3, progress: noProgress };

    assert.deepEqual((await second.train(request)).artefact, (await first.train(request)).artefact);
    await Promise.all([first.close(), second.close()]);
  });

  test('refuses to hold out machines where there is one, and a history of an hour', async () => {
    const alone = mkdtempSync(join(tmpdir(), 'mlsched-forecast-one-'));
    const length = 13;
    await writeParquet(join(alone, 'a.parquet'), [
      { name: 'machine', type: 'text', values: { codes: new Int32Array(length), dictionary: ['a'] } },
      { name: 'time', type: 'time', values: Float64Array.from({ length }, (_, i) => START_MS + i * STEP_MS) },
      { name: 'cpu_usage_ratio', type: 'float', values: new Float32Array(length).fill(0.5) },
    ]);
    const options = { dataDirectory: alone, budget: 'demo', seed: 1 } as const;

    await assert.rejects(evaluateForecast({ ...options, protocol: 'machines' }), {
      code: 'MLS_TRAINING_TOO_FEW_MACHINES',
    });
    await assert.rejects(evaluateForecast(options), { code: 'MLS_FORECAST_TOO_FEW_ROWS' });
    rmSync(alone, { recursive: true, force: true });
  });
});
