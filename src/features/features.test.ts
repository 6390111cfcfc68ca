import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';

import type { LoadTarget, RawLoadSeries } from '#domain';
import {
  createFeatureWriter,
  createNodeHistory,
  createPeerTable,
  FEATURE_CATALOGUE,
  FEATURE_COUNT,
  FEATURE_SCHEMA_VERSION,
  phasedSeries,
  pushSample,
  replayRows,
  resampleLoad,
  type NodeHistory,
} from '#features';
import { createRng } from '#kernel/rng';

const STEP_MS = 300_000;
const START_MS = 1_700_000_000_000 - (1_700_000_000_000 % STEP_MS);

/** A restless series with gaps and unknown samples; steps of 20..60 s, or 5 minutes. */
function wildSeries(seed: number, samples: number, stepMs = 30_000): RawLoadSeries {
  const rng = createRng(seed);
  const timesMs = new Float64Array(samples);
  const cpu = new Float32Array(samples);
  const memory = new Float32Array(samples);
  let timeMs = START_MS + rng.int(STEP_MS);
  for (let i = 0; i < samples; i++) {
    const isGap = rng.next() < 0.002;
    timeMs += isGap ? rng.int(8 * STEP_MS) + 1 : stepMs - 10_000 + rng.int(20_000);
    timesMs[i] = timeMs;
    cpu[i] =
      rng.next() < 0.05
        ? Number.NaN
        : Math.min(1, Math.abs(0.4 + 0.3 * Math.sin(i / 70) + 0.1 * rng.normal()));
    memory[i] = rng.next() < 0.05 ? Number.NaN : rng.next();
  }
  return { machine: `machine-${seed}`, timesMs, cpuUsageRatio: cpu, memoryUsageRatio: memory };
}

function originsOf(raw: RawLoadSeries, phaseMs = 0): Float64Array {
  const grid = phasedSeries(raw, phaseMs);
  return Float64Array.from({ length: grid.length }, (_, i) => grid.startMs + i * STEP_MS);
}

/** Feeds samples one by one, as a live service does, and asks for a row whenever an origin is reached. */
function liveRows(raw: RawLoadSeries, target: LoadTarget, originsMs: Float64Array): Float32Array {
  const writer = createFeatureWriter();
  const out = new Float32Array(originsMs.length * FEATURE_COUNT);
  const history: NodeHistory = createNodeHistory(raw.machine);
  let row = 0;
  const answerUpTo = (timeMs: number): void => {
    while (row < originsMs.length && (originsMs[row] as number) < timeMs) {
      writer.writeRow({ history, target, originMs: originsMs[row] as number }, out, row * FEATURE_COUNT);
      row++;
    }
  };
  for (let i = 0; i < raw.timesMs.length; i++) {
    const timeMs = raw.timesMs[i] as number;
    answerUpTo(timeMs);
    pushSample(history, {
      timeMs,
      cpuUsageRatio: raw.cpuUsageRatio[i] as number,
      memoryUsageRatio: raw.memoryUsageRatio?.[i] ?? Number.NaN,
    });
  }
  answerUpTo(Number.POSITIVE_INFINITY);
  return out;
}

describe('the feature catalogue', () => {
  test('documents at least 50 features with unique names', () => {
    const names = FEATURE_CATALOGUE.map(({ name }) => name);

    assert.ok(names.length >= 50);
    assert.equal(new Set(names).size, names.length);
    assert.ok(
      FEATURE_CATALOGUE.every(
        ({ description, windowSeconds }) => description.length > 5 && windowSeconds >= 0,
      ),
    );
    assert.match(FEATURE_SCHEMA_VERSION, /^features-[0-9a-f]{8}$/);
  });

  test('each group writes exactly its own columns', () => {
    const calm = wildSeries(7, 25_000);
    const raw = {
      ...calm,
      cpuUsageRatio: calm.cpuUsageRatio.map((value, i) => (i % 2500 < 60 ? 1 : value / 2)),
    };
    const writer = createFeatureWriter();
    const { values, rows } = replayRows({ raw, target: 'cpu', originsMs: originsOf(raw) }, writer);
    const unknown = FEATURE_CATALOGUE.filter((_, i) => {
      for (let row = 0; row < rows; row++) if (!Number.isNaN(values[row * FEATURE_COUNT + i])) return false;
      return true;
    });

    assert.deepEqual(
      unknown.map(({ name }) => name),
      ['peers_last', 'peers_change_15m'],
    );
  });
});

describe('feature rows', () => {
  test('are the same bits live and in a replay', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom<LoadTarget>('cpu', 'memory'),
        fc.constantFrom(30_000, 60_000, 300_000),
        (seed, target, stepMs) => {
          const raw = wildSeries(seed, 700, stepMs);
          const originsMs = originsOf(raw);
          const replayed = replayRows({ raw, target, originsMs }, createFeatureWriter());

          assert.deepEqual(
            new Uint32Array(replayed.values.buffer),
            new Uint32Array(liveRows(raw, target, originsMs).buffer),
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  test('never depend on what comes after their origin', () => {
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.1, max: 0.9, noNaN: true }), (seed, share) => {
        const raw = wildSeries(seed, 900);
        const cut = Math.floor(raw.timesMs.length * share);
        const originsMs = originsOf(raw).filter((originMs) => originMs < (raw.timesMs[cut] as number));
        const changed: RawLoadSeries = {
          ...raw,
          cpuUsageRatio: raw.cpuUsageRatio.map((value, i) => (i >= cut ? 1 - value : value)),
          memoryUsageRatio: raw.memoryUsageRatio?.map((value, i) => (i >= cut ? Number.NaN : value)),
        };
        const before = replayRows({ raw, target: 'cpu', originsMs }, createFeatureWriter());
        const after = replayRows({ raw: changed, target: 'cpu', originsMs }, createFeatureWriter());

        assert.deepEqual(new Uint32Array(before.values.buffer), new Uint32Array(after.values.buffer));
      }),
      { numRuns: 15 },
    );
  });

  test('do not depend on what another machine asked of the same writer before', () => {
    const writer = createFeatureWriter();
    const raw = wildSeries(3, 600);
    const originsMs = originsOf(raw);
    replayRows({ raw: wildSeries(4, 600), target: 'memory', originsMs }, writer);

    assert.deepEqual(
      replayRows({ raw, target: 'cpu', originsMs }, writer),
      replayRows({ raw, target: 'cpu', originsMs }, createFeatureWriter()),
    );
  });

  test('are unknown, not zero, for a machine whose samples are all unknown', () => {
    const raw = wildSeries(5, 400);
    const blind = { ...raw, cpuUsageRatio: raw.cpuUsageRatio.map(() => Number.NaN) };
    const { anchors } = replayRows(
      { raw: blind, target: 'cpu', originsMs: originsOf(raw) },
      createFeatureWriter(),
    );

    assert.ok(anchors.every((anchor) => Number.isNaN(anchor)));
  });

  test('are finite or unknown on a flat series, never infinite', () => {
    const raw = wildSeries(6, 2000);
    const flat = { ...raw, cpuUsageRatio: raw.cpuUsageRatio.map(() => 0.5) };
    const { values } = replayRows(
      { raw: flat, target: 'cpu', originsMs: originsOf(raw) },
      createFeatureWriter(),
    );

    assert.ok(values.every((value) => Number.isFinite(value) || Number.isNaN(value)));
  });

  test('are refused at an origin before the newest sample', () => {
    const history = createNodeHistory('m');
    pushSample(history, { timeMs: START_MS + 60_000, cpuUsageRatio: 0.1, memoryUsageRatio: 0.2 });

    assert.throws(
      () =>
        createFeatureWriter().writeRow(
          { history, target: 'cpu', originMs: START_MS },
          new Float32Array(FEATURE_COUNT),
          0,
        ),
      { code: 'MLS_FEATURES_ORIGIN_PAST' },
    );
  });

  test('are refused where the row does not fit, and a late sample too', () => {
    const history = createNodeHistory('m');
    pushSample(history, { timeMs: START_MS, cpuUsageRatio: 0.1, memoryUsageRatio: 0.2 });
    const short = new Float32Array(FEATURE_COUNT - 1);

    assert.throws(
      () => createFeatureWriter().writeRow({ history, target: 'cpu', originMs: START_MS }, short, 0),
      {
        code: 'MLS_FEATURES_SHAPE',
      },
    );
    assert.throws(
      () => pushSample(history, { timeMs: START_MS - 1, cpuUsageRatio: 0, memoryUsageRatio: 0 }),
      {
        code: 'MLS_FEATURES_OUT_OF_ORDER',
      },
    );
  });

  test('see a known value where they say: lag 5 min, yesterday, the peers', () => {
    const samples = 3 * 288;
    const ramp = (shift: number): RawLoadSeries => ({
      machine: `ramp-${shift}`,
      timesMs: Float64Array.from({ length: samples }, (_, i) => START_MS + i * STEP_MS),
      cpuUsageRatio: Float32Array.from({ length: samples }, (_, i) => (i + shift) / 2000),
      memoryUsageRatio: undefined,
    });
    const raw = ramp(0);
    const grids = [raw, ramp(100)].map((one) => phasedSeries(one, 0));
    const peers = createPeerTable(grids, 'cpu');
    const originMs = START_MS + (samples - 1) * STEP_MS;
    const own = grids[0];
    assert.ok(own);
    const rows = replayRows(
      { raw, target: 'cpu', originsMs: Float64Array.of(originMs), peersAt: (at) => peers.at(own, at) },
      createFeatureWriter(),
    );
    const feature = (name: string): number =>
      rows.values[FEATURE_CATALOGUE.findIndex((one) => one.name === name)] as number;
    const [anchor = 0] = rows.anchors;
    const [deviation = 0] = rows.deviations;
    const near = (actual: number, expected: number): void =>
      assert.ok(Math.abs(actual - expected) < 1e-4, `${actual} is not ${expected}`);

    near(anchor, (samples - 1) / 2000);
    near(anchor + feature('lag_5m') * deviation, (samples - 2) / 2000);
    near(anchor + feature('lag_60m') * deviation, (samples - 13) / 2000);
    near(anchor + feature('yesterday_30m') * deviation, (samples - 1 - 288 + 6) / 2000);
    near(feature('peers_last'), (samples + 99) / 2000);
    near(feature('history_days'), (samples - 1) / 288);
  });
});

describe('resampling', () => {
  test('averages the window that ends at its time and leaves empty windows unknown', () => {
    const raw: RawLoadSeries = {
      machine: 'm',
      timesMs: Float64Array.of(START_MS, START_MS + 1, START_MS + STEP_MS, START_MS + 3 * STEP_MS),
      cpuUsageRatio: Float32Array.of(0.1, 0.2, 0.4, 0.8),
      memoryUsageRatio: undefined,
    };
    const series = resampleLoad(raw, 300);

    assert.equal(series.startMs, START_MS);
    assert.deepEqual([...(series.values.cpu ?? [])], [...Float32Array.of(0.1, 0.3, Number.NaN, 0.8)]);
    assert.equal(series.values.memory, undefined);
  });

  test('keeps every window within the extremes of its samples', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 30, max: 1200 }), (seed, stepSeconds) => {
        const raw = wildSeries(seed, 300);
        const known = raw.cpuUsageRatio.filter((value) => !Number.isNaN(value));
        const values = resampleLoad(raw, stepSeconds).values.cpu ?? [];

        for (const value of values) {
          assert.ok(Number.isNaN(value) || (value >= Math.min(...known) && value <= Math.max(...known)));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('gives an empty series for no samples and refuses a step of 0', () => {
    const empty = {
      machine: 'm',
      timesMs: new Float64Array(0),
      cpuUsageRatio: new Float32Array(0),
      memoryUsageRatio: undefined,
    };

    assert.equal(resampleLoad(empty, 300).length, 0);
    assert.throws(() => resampleLoad(empty, 0), { code: 'MLS_FEATURES_STEP' });
  });
});
