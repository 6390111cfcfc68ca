import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';

import type { RawLoadSeries } from '#domain';
import {
  createNodeState,
  isLate,
  NODE_STATE_CATALOGUE,
  observeLoad,
  replayNodeState,
  writeNodeState,
} from '#features';
import { createRng } from '#kernel/rng';

const STEP_MS = 30_000;
const START_MS = 1_700_000_010_000;
const WIDTH = NODE_STATE_CATALOGUE.length;
const SPANS = { '5m': 10, '15m': 30, '1h': 120, '6h': 720, '1d': 2880 };
const LAGS = { '5m': 10, '15m': 30, '30m': 60, '1h': 120, '6h': 720, '1d': 2880 };

/** Irregular samples, unknown ones, impossible ones and gaps of up to two days. */
function wildSeries(seed: number, samples: number): RawLoadSeries {
  const rng = createRng(seed);
  const timesMs = new Float64Array(samples);
  const ratio = (): number =>
    (rng.next() < 0.04 ? [Number.NaN, 1.7, -0.2][rng.int(3)] : rng.next()) as number;
  let timeMs = START_MS + rng.int(STEP_MS);
  for (let i = 0; i < samples; i++) {
    const isGap = rng.next() < 0.004;
    timeMs += isGap ? rng.int(rng.next() < 0.3 ? 5800 * STEP_MS : 100 * STEP_MS) + 1 : 5000 + rng.int(40_000);
    timesMs[i] = timeMs;
  }
  return {
    machine: `m-${seed}`,
    timesMs,
    cpuUsageRatio: Float32Array.from({ length: samples }, ratio),
    memoryUsageRatio: Float32Array.from({ length: samples }, ratio),
  };
}

/** Every window end from the first sample on, with some left out. */
function originsOf(raw: RawLoadSeries, rng = createRng(1)): Float64Array {
  const last = raw.timesMs.at(-1) as number;
  const origins: number[] = [];
  for (
    let ms = Math.ceil((raw.timesMs[0] as number) / STEP_MS) * STEP_MS;
    ms <= last + 3_600_000;
    ms += STEP_MS
  ) {
    if (rng.next() < 0.3) origins.push(ms);
  }
  return Float64Array.from(origins);
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

const column = (name: string): number => NODE_STATE_CATALOGUE.findIndex((one) => one.name === name);

/** Mean of each window straight from the definition. */
function windowsOf(raw: RawLoadSeries, values: Float32Array): Map<number, number> {
  const sums = new Map<number, { sum: number; count: number }>();
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!(value >= 0 && value <= 1.0001)) continue;
    const window = Math.ceil((raw.timesMs[i] as number) / STEP_MS);
    const held = sums.get(window) ?? { sum: 0, count: 0 };
    sums.set(window, { sum: held.sum + Math.min(1, value), count: held.count + 1 });
  }
  return new Map([...sums].map(([window, { sum, count }]) => [window, sum / count]));
}

describe('the state of a node', () => {
  test('is the same bits live, sample by sample, and in a replay', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const raw = wildSeries(seed, 1500);
        const originsMs = originsOf(raw);
        const live = new Float32Array(originsMs.length * WIDTH);
        const state = createNodeState(raw.machine);
        let row = 0;
        const answerBefore = (timeMs: number): void => {
          for (; row < originsMs.length && (originsMs[row] as number) < timeMs; row++) {
            writeNodeState(state, originsMs[row] as number, live, row * WIDTH);
          }
        };
        for (let i = 0; i < raw.timesMs.length; i++) {
          const timeMs = raw.timesMs[i] as number;
          answerBefore(timeMs);
          observeLoad(state, timeMs, raw.cpuUsageRatio[i] as number, raw.memoryUsageRatio?.[i] as number);
        }
        answerBefore(Infinity);

        assert.deepEqual(bitsOf(replayNodeState(raw, originsMs)), bitsOf(live));
      }),
      { numRuns: 12 },
    );
  });

  test('is the same bits wherever the replay began, once a day of windows is in', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const raw = wildSeries(seed, 5000);
        const cut = 1000;
        const late: RawLoadSeries = {
          machine: raw.machine,
          timesMs: raw.timesMs.slice(cut),
          cpuUsageRatio: raw.cpuUsageRatio.slice(cut),
          memoryUsageRatio: raw.memoryUsageRatio?.slice(cut),
        };
        const fullMs = (late.timesMs[0] as number) + 2891 * STEP_MS;
        const originsMs = originsOf(raw).filter((originMs) => originMs > fullMs);

        assert.ok(originsMs.length > 50);
        assert.deepEqual(bitsOf(replayNodeState(raw, originsMs)), bitsOf(replayNodeState(late, originsMs)));
      }),
      { numRuns: 8 },
    );
  });

  test('never depends on what comes after its origin', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.1, max: 0.9, noNaN: true }), (seed, share) => {
        const raw = wildSeries(seed, 1200);
        const cut = Math.floor(raw.timesMs.length * share);
        const originsMs = originsOf(raw).filter((originMs) => originMs < (raw.timesMs[cut] as number));
        const changed: RawLoadSeries = {
          ...raw,
          cpuUsageRatio: raw.cpuUsageRatio.map((value, i) => (i >= cut ? 1 - value : value)),
          memoryUsageRatio: raw.memoryUsageRatio?.map((value, i) => (i >= cut ? Number.NaN : value)),
        };

        assert.deepEqual(
          bitsOf(replayNodeState(raw, originsMs)),
          bitsOf(replayNodeState(changed, originsMs)),
        );
      }),
      { numRuns: 12 },
    );
  });

  test('is what its words say, worked out window by window', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const raw = wildSeries(seed, 3500);
        const originsMs = originsOf(raw).filter((_, i) => i % 97 === 0);
        const rows = replayNodeState(raw, originsMs);
        const windows = windowsOf(raw, raw.cpuUsageRatio);
        const known = (now: number, from: number, count: number): number[] =>
          Array.from({ length: count }, (_, back) => windows.get(now - from - back)).filter(
            (one) => one !== undefined,
          );
        const mean = (values: readonly number[]): number =>
          values.reduce((sum, one) => sum + one, 0) / values.length;
        const near = (row: number, name: string, expected: number): void => {
          const found = rows[row * WIDTH + column(name)] as number;
          const isSame = Number.isNaN(expected) ? Number.isNaN(found) : Math.abs(found - expected) < 3e-6;
          assert.ok(isSame, `${name} in row ${row}: ${found} is not ${expected}`);
        };
        for (const [row, originMs] of originsMs.entries()) {
          const now = Math.floor(originMs / STEP_MS);
          near(row, 'cpu_now', windows.get(now) ?? Number.NaN);
          for (const [name, count] of Object.entries(SPANS)) {
            const values = known(now, 0, count);
            const centre = mean(values);
            near(row, `cpu_mean_${name}`, centre);
            near(row, `cpu_sd_${name}`, Math.sqrt(mean(values.map((one) => (one - centre) ** 2))));
            near(row, `cpu_min_${name}`, values.length === 0 ? Number.NaN : Math.min(...values));
            near(row, `cpu_max_${name}`, values.length === 0 ? Number.NaN : Math.max(...values));
          }
          for (const [name, lag] of Object.entries(LAGS))
            near(row, `cpu_lag_${name}`, mean(known(now, lag, 10)));
          near(row, 'cpu_known_1h', known(now, 0, 120).length / 120);
          const newest = Math.max(...[...windows.keys()].filter((window) => window <= now));
          const isForgotten = !(newest > now - 2880);
          near(row, 'cpu_age_seconds', isForgotten ? Number.NaN : (originMs - newest * STEP_MS) / 1000);
        }
      }),
      { numRuns: 10 },
    );
  });

  test('is unknown, not zero, without a sample, and the clock still runs', () => {
    const row = new Float32Array(WIDTH);
    writeNodeState(createNodeState('m'), Date.UTC(2026, 0, 3, 6), row, 0);

    assert.ok(Number.isNaN(row[column('cpu_now')]) && Number.isNaN(row[column('memory_mean_1d')]));
    assert.equal(row[column('cpu_known_1d')], 0);
    assert.equal(row[column('is_weekend')], 1);
    assert.equal(row[column('day_sin')], 1);
  });

  test('refuses a late sample, one of a window that a row told of, an origin in the past and a short row', () => {
    const state = createNodeState('m');
    observeLoad(state, START_MS, 0.5, 0.5);

    assert.throws(() => observeLoad(state, START_MS - 1, 0.5, 0.5), { code: 'MLS_FEATURES_OUT_OF_ORDER' });
    assert.throws(() => writeNodeState(state, START_MS - 1, new Float32Array(WIDTH), 0), {
      code: 'MLS_FEATURES_ORIGIN_PAST',
    });
    assert.throws(() => writeNodeState(state, START_MS, new Float32Array(WIDTH - 1), 0), {
      code: 'MLS_FEATURES_SHAPE',
    });
    const endMs = Math.ceil(START_MS / STEP_MS) * STEP_MS;
    writeNodeState(state, endMs, new Float32Array(WIDTH), 0);
    assert.equal(isLate(state, endMs), true);
    assert.equal(isLate(state, endMs + 1), false);
  });
});
