import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { countAlarms, findRuns, measuresOf, poolCounts } from './anomaly-measures.ts';

test('runs of flags become half-open stretches', () => {
  assert.deepEqual(findRuns([1, 1, 0, 0, 1, 0, 1]), [
    { start: 0, end: 2 },
    { start: 4, end: 5 },
    { start: 6, end: 7 },
  ]);
  assert.deepEqual(findRuns([]), []);
});

test('events and alarms are counted as runs, steps without adjustment', () => {
  const labels = Int8Array.of(0, 1, 1, 1, 0, 0, 1, 1, 0, 0);
  const alarmed = Uint8Array.of(0, 0, 1, 0, 0, 1, 0, 0, 0, 1);

  const counts = countAlarms(alarmed, labels);

  assert.deepEqual(counts, {
    steps: 10,
    anomalousSteps: 5,
    alarmedSteps: 3,
    hitSteps: 1,
    events: 2,
    hitEvents: 1,
    alarms: 3,
    rightAlarms: 1,
    delays: [1],
  });
  const measures = measuresOf(counts, 10);
  assert.equal(measures.pointPrecision, 1 / 3);
  assert.equal(measures.pointRecall, 1 / 5);
  assert.equal(measures.falsePositiveRate, 2 / 5);
  assert.equal(measures.eventPrecision, 1 / 3);
  assert.equal(measures.eventRecall, 1 / 2);
  assert.equal(measures.alarmsPerDay, 3);
});

test('a ratio without a denominator is null, never 0', () => {
  const measures = measuresOf(countAlarms(new Uint8Array(4), new Int8Array(4)), 4);
  assert.equal(measures.eventPrecision, null);
  assert.equal(measures.eventRecall, null);
  assert.equal(measures.pointPrecision, null);
  assert.equal(measures.delaySamplesMedian, null);
  assert.equal(measures.falsePositiveRate, 0);
});

test('perfect alarms score 1, and pooling equals counting the machines one after another', () => {
  const machine = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(machine, machine, (first, second) => {
      const labels = (rows: [boolean, boolean][]): Int8Array =>
        Int8Array.from(rows, ([label]) => Number(label));
      const alarms = (rows: [boolean, boolean][]): Uint8Array =>
        Uint8Array.from(rows, ([, alarm]) => Number(alarm));
      const perfect = measuresOf(countAlarms(Uint8Array.from(labels(first)), labels(first)), 1440);
      assert.ok(perfect.eventPrecision === null || perfect.eventPrecision === 1);
      assert.ok(perfect.eventRecall === null || perfect.eventRecall === 1);
      const pooled = poolCounts([first, second].map((rows) => countAlarms(alarms(rows), labels(rows))));
      // A quiet step between the two keeps their runs apart.
      const joined: [boolean, boolean][] = [...first, [false, false], ...second];
      assert.deepEqual({ ...countAlarms(alarms(joined), labels(joined)), steps: 0 }, { ...pooled, steps: 0 });
    }),
  );
});
