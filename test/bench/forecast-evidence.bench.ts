/**
 * What the choices of the load forecast rest on: short histories, features, and a classical rival on the same rows.
 *
 * Needs MLSCHED_DATA. Arguments pick parts (`cold-start`, `classical`, `features`); without any it measures all of them.
 */
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';

import { readLoadSeries } from '#collect';
import type { HorizonMinutes, ModelArtefact, NodeForecast, RawLoadSeries } from '#domain';
import { createNodeHistory, phasedSeries, pushValues, valueAt, type NodeHistory } from '#features';
import { HOUR_MS, MINUTE_MS } from '#kernel/units';
import { loadForecaster } from '#models/forecast';
import { FORECAST_EFFORTS, rankForecastFeatures, trainForecast } from '#training';

import { publishSection } from './publish.ts';

const root = resolve(import.meta.dirname, '../..');
const SEED = 1;
const STEP_MS = 5 * MINUTE_MS;
const JUDGED_FROM = 0.85;

function dataFolder(set: string): string {
  const path = process.env['MLSCHED_DATA'];
  if (path === undefined) throw new Error('set MLSCHED_DATA to the folder of the data sets');
  return join(path, set);
}

/** Some origins of the judged span of each machine. */
function origins(
  raw: RawLoadSeries,
  count: number,
): { grid: ReturnType<typeof phasedSeries>; times: number[] } {
  const grid = phasedSeries(raw, 0);
  const first = Math.floor(grid.length * JUDGED_FROM);
  const usable = grid.length - 12 - first;
  const times = Array.from(
    { length: count },
    (_, i) => grid.startMs + (first + Math.floor((i * usable) / count)) * STEP_MS,
  );
  return { grid, times };
}

function historyUntil(raw: RawLoadSeries, nowMs: number, lengthMs: number): NodeHistory {
  const history = createNodeHistory(raw.machine);
  for (let i = 0; i < raw.timesMs.length; i++) {
    const timeMs = raw.timesMs[i] as number;
    if (timeMs > nowMs) break;
    if (timeMs <= nowMs - lengthMs) continue;
    pushValues(history, timeMs, raw.cpuUsageRatio[i] as number, raw.memoryUsageRatio?.[i] ?? Number.NaN);
  }
  return history;
}

interface Sums {
  error: number;
  lastError: number;
  actual: number;
  covered: number;
  width: number;
  forecasts: number;
  abstained: number;
}

const LENGTHS_HOURS = [0.5, 1, 2, 6, 12, 24, 48, 192] as const;
const COLD_ORIGINS = 30;
const COLD_MINUTES: HorizonMinutes = 15;

function measureColdStart(series: readonly RawLoadSeries[], artefact: ModelArtefact): void {
  using forecaster = loadForecaster(artefact);
  const rows = LENGTHS_HOURS.map((hours) => {
    const sums: Sums = {
      error: 0,
      lastError: 0,
      actual: 0,
      covered: 0,
      width: 0,
      forecasts: 0,
      abstained: 0,
    };
    for (const raw of series) {
      const { grid, times } = origins(raw, COLD_ORIGINS);
      for (const nowMs of times) {
        const actual = valueAt(grid, 'cpu', nowMs + COLD_MINUTES * MINUTE_MS);
        const lastValue = valueAt(grid, 'cpu', nowMs);
        if (Number.isNaN(actual) || Number.isNaN(lastValue)) continue;
        const history = historyUntil(raw, nowMs, hours * HOUR_MS);
        const found = forecaster
          .forecast([history], nowMs)
          .find(({ target, horizonMinutes }) => target === 'cpu' && horizonMinutes === COLD_MINUTES);
        addForecast(sums, found, { actual, lastValue });
      }
    }
    const part = (value: number): string => (sums.forecasts === 0 ? 'abstains' : value.toFixed(3));
    return [
      hours,
      part(1 - sums.error / sums.actual),
      part(1 - sums.error / sums.lastError),
      part(sums.covered / sums.forecasts),
      part(sums.width / sums.forecasts),
      (sums.abstained / (sums.forecasts + sums.abstained)).toFixed(3),
      sums.forecasts,
    ];
  });
  publishSection({
    id: '42-forecast-cold-start',
    title: 'Load forecast: short histories',
    command: 'MLSCHED_DATA=<data> node test/bench/forecast-evidence.bench.ts cold-start',
    method: `smd-nodes, CPU 15 minutes ahead, ${COLD_ORIGINS} origins of each machine's last 15 %, each forecast from only so many hours of history, as by a monitor that was started then. Model of budget demo trained on the first 85 %, no correction by earlier forecasts.`,
    tables: [
      {
        caption: 'By length of the history',
        columns: [
          'hours of history',
          'accuracy (1 - WAPE)',
          'skill over the last value',
          'coverage of the 90 % interval',
          'mean width of the interval',
          'abstained',
          'forecasts',
        ],
        rows,
      },
    ],
    notes: [
      'Below one hour the forecast abstains and says so. Machines with less than a day of history have interval offsets of their own, learned on stretches cut out of the training span.',
    ],
  });
}

function addForecast(
  sums: Sums,
  found: NodeForecast | undefined,
  { actual, lastValue }: { readonly actual: number; readonly lastValue: number },
): void {
  if (found?.kind !== 'forecast') {
    sums.abstained++;
    return;
  }
  const { low05Ratio, medianRatio, high95Ratio } = found;
  sums.error += Math.abs(medianRatio - actual);
  sums.lastError += Math.abs(lastValue - actual);
  sums.actual += actual;
  sums.covered += actual >= low05Ratio - 1e-7 && actual <= high95Ratio + 1e-7 ? 1 : 0;
  sums.width += high95Ratio - low05Ratio;
  sums.forecasts++;
}

const THETA_ORIGINS = 20;
const THETA_WINDOWS = 576;
const THETA_HORIZONS: readonly HorizonMinutes[] = [5, 15, 30, 60];

interface ThetaTask {
  readonly actuals: readonly number[];
  readonly ours: readonly number[];
  readonly lastValue: number;
}

function measureClassical(series: readonly RawLoadSeries[], artefact: ModelArtefact): void {
  using forecaster = loadForecaster(artefact);
  const inputs: (number | null)[][] = [];
  const tasks: ThetaTask[] = [];
  for (const raw of series) {
    const { grid, times } = origins(raw, THETA_ORIGINS);
    for (const nowMs of times) {
      const at = (minutes: number): number => valueAt(grid, 'cpu', nowMs + minutes * MINUTE_MS);
      const actuals = THETA_HORIZONS.map(at);
      if ([at(0), ...actuals].some((value) => Number.isNaN(value))) continue;
      const found = forecaster.forecast([historyUntil(raw, nowMs, 192 * HOUR_MS)], nowMs);
      const ours = THETA_HORIZONS.map((minutes) => {
        const one = found.find(
          ({ target, horizonMinutes }) => target === 'cpu' && horizonMinutes === minutes,
        );
        return one?.kind === 'forecast' ? one.medianRatio : Number.NaN;
      });
      tasks.push({ actuals, ours, lastValue: at(0) });
      inputs.push(
        Array.from({ length: THETA_WINDOWS }, (_, i) => {
          const value = at((i + 1 - THETA_WINDOWS) * 5);
          return Number.isNaN(value) ? null : value;
        }),
      );
    }
  }
  const script = join(root, 'tools/python/theta_oracle.py');
  const setup = join(root, 'tools/python/setup-env.sh');
  const python = execFileSync('bash', [setup, 'forecast'], { encoding: 'utf8' }).trim();
  const answer = execFileSync(python, [script], {
    input: JSON.stringify({ series: inputs, steps: 12 }),
    encoding: 'utf8',
    maxBuffer: 2 ** 27,
  });
  const { forecasts } = JSON.parse(answer) as { forecasts: number[][] };
  publishClassical(tasks, forecasts);
}

function publishClassical(tasks: readonly ThetaTask[], theta: readonly (readonly number[])[]): void {
  const rows = THETA_HORIZONS.map((minutes, horizon) => {
    const accuracy = (of: (task: ThetaTask, i: number) => number): number => {
      let error = 0;
      let actual = 0;
      for (const [i, task] of tasks.entries()) {
        error += Math.abs(of(task, i) - (task.actuals[horizon] as number));
        actual += task.actuals[horizon] as number;
      }
      return 1 - error / actual;
    };
    const ours = accuracy((task) => task.ours[horizon] as number);
    const rival = accuracy((_, i) => theta[i]?.[minutes / 5 - 1] ?? Number.NaN);
    const last = accuracy((task) => task.lastValue);
    return [
      minutes,
      ours.toFixed(4),
      rival.toFixed(4),
      last.toFixed(4),
      (1 - (1 - ours) / (1 - rival)).toFixed(3),
    ];
  });
  publishSection({
    id: '43-forecast-classical',
    title: 'Load forecast: a classical rival',
    command: 'MLSCHED_DATA=<data> node test/bench/forecast-evidence.bench.ts classical',
    method: `smd-nodes, CPU, ${THETA_ORIGINS} origins of each machine's last 15 %, ${tasks.length} rows, all on the same. Rival: dynamic optimised Theta (statsforecast 2.1.1) fitted anew at each origin on the last two days of 5-minute means. Ours: budget demo, no correction by earlier forecasts.`,
    tables: [
      {
        caption: 'Accuracy (1 - WAPE)',
        columns: ['minutes', 'mlsched', 'Theta', 'last value', 'skill over Theta'],
        rows,
      },
    ],
    notes: ['Few origins: read the order, not the third digit.'],
  });
}

async function measureFeatures(): Promise<void> {
  const series = await readLoadSeries(dataFolder('smd-nodes'));
  const effort = FORECAST_EFFORTS.demo;
  const ranking = await rankForecastFeatures(series, {
    target: 'cpu',
    horizonMinutes: 15,
    effort,
    seed: SEED,
    sizes: [20, 40, 80, 160],
  });
  publishSection({
    id: '44-forecast-features',
    title: 'Load forecast: features',
    command: 'MLSCHED_DATA=<data> node test/bench/forecast-evidence.bench.ts features',
    method:
      'smd-nodes, CPU 15 minutes ahead, budget demo, three rolling origins that end before the test span. Importance: share of the total gain of the median model.',
    tables: [
      {
        caption: 'The 15 most important features',
        columns: ['feature', ...(ranking.features[0]?.gainShares.map((_, i) => `origin ${i + 1}`) ?? [])],
        rows: ranking.features
          .slice(0, 15)
          .map(({ name, gainShares }) => [name, ...gainShares.map((share) => share.toFixed(3))]),
      },
      {
        caption: 'With the best features alone: error / error of the last value, mean of the origins',
        columns: ['features', 'error ratio'],
        rows: ranking.subsets.map(({ size, mase }) => [size, mase.toFixed(4)]),
      },
    ],
    notes: [
      `Mean rank correlation of the importances between origins: ${ranking.stability.toFixed(3)}.`,
      'Features that do not help cost little: each tree draws a fifth of them. They stay as long as fewer are not clearly better.',
    ],
  });
}

const parts = process.argv.slice(2);
const wanted = (part: string): boolean => parts.length === 0 || parts.includes(part);
if (wanted('cold-start') || wanted('classical')) {
  const dataDirectory = dataFolder('smd-nodes');
  const { artefact } = await trainForecast({ dataDirectory, budget: 'demo', seed: SEED });
  const series = await readLoadSeries(dataDirectory);
  if (wanted('cold-start')) measureColdStart(series, artefact);
  if (wanted('classical')) measureClassical(series, artefact);
}
if (wanted('features')) await measureFeatures();
