import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { tuneThreshold } from './tune-threshold.ts';
import type { JudgedIncident } from './tune-threshold.ts';

const said = (isTrue: boolean, count: number, peakStrength: number): JudgedIncident[] =>
  Array.from({ length: count }, () => ({ isTrue, peakStrength }));

test('without verdicts, or with one false alarm, the threshold stays', () => {
  assert.equal(tuneThreshold([], 1).kind, 'kept');
  assert.equal(tuneThreshold(said(false, 1, 1.1), 1).kind, 'kept');
});

test('false alarms of weak evidence raise the threshold just past them', () => {
  const tuned = tuneThreshold([...said(false, 4, 1.2), ...said(true, 6, 2)], 1);
  assert.equal(tuned.kind, 'raised');
  assert.ok(tuned.multiple > 1.2 && tuned.multiple < 1.3, `${tuned.multiple}`);
  assert.equal(tuned.falseIncidents, 4);
  assert.match(tuned.reason, /6 of 10 judged incidents/);
});

test('one tuning raises by half as much again at most, and never over four', () => {
  assert.equal(tuneThreshold(said(false, 30, 9), 1).multiple, 1.5);
  const full = tuneThreshold(said(false, 30, 9), 4);
  assert.deepEqual([full.kind, full.multiple], ['kept', 4]);
  assert.match(full.reason, /learn again/);
});

test('a precision that is proved lowers the threshold by a tenth, down to a half', () => {
  assert.equal(tuneThreshold(said(true, 49, 2), 1).multiple, 0.9);
  assert.equal(tuneThreshold(said(true, 40, 2), 1).kind, 'kept');
  assert.equal(tuneThreshold(said(true, 90, 2), 0.5).kind, 'kept');
});

test('one more true verdict never raises the threshold, one more false one never lowers it', () => {
  const verdict = fc.record({
    peakStrength: fc.double({ min: 0.4, max: 6, noNaN: true }),
    isTrue: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(verdict, { maxLength: 80 }),
      verdict,
      fc.double({ min: 0.5, max: 4, noNaN: true }),
      (judged, added, current) => {
        const before = tuneThreshold(judged, current).multiple;
        const after = tuneThreshold([...judged, added], current).multiple;
        assert.ok(added.isTrue ? after <= before : after >= before);
        assert.ok(after >= Math.min(0.5, current) && after <= 4);
      },
    ),
  );
});
