import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createRng } from '#kernel/rng';

import { bandPosition, chooseAnnouncePosition, scoreAnnouncements } from './announcement.ts';

describe('announcing hot moments', () => {
  test('places a level in a band by its nearer side', () => {
    const band = { low05: 0.5, median: 0.6, high95: 0.8 };

    assert.ok(Math.abs(bandPosition(band, 0.7) - 0.5) < 1e-9);
    assert.ok(Math.abs(bandPosition(band, 0.55) + 0.5) < 1e-9);
    assert.equal(bandPosition(band, 0.8) > 0.99, true);
  });

  test('counts moments, announced ones and false alarms', () => {
    const score = scoreAnnouncements([0.9, 0.85, 0.5, 0.4], (row) => row === 0 || row === 2);

    assert.deepEqual(score, { moments: 2, announced: 1, falseAlarms: 1 });
  });

  test('chooses the position that announces most within 20 % false alarms', () => {
    const rng = createRng(3);
    const median = Float64Array.from({ length: 4000 }, () => 0.6 + 0.3 * rng.next());
    const actual = median.map((value) => value + 0.05 * rng.normal());
    const rows = { low05: median.map((v) => v - 0.08), median, high95: median.map((v) => v + 0.08), actual };
    const position = chooseAnnouncePosition(rows);
    const score = (p: number) =>
      scoreAnnouncements(actual, (i) => {
        const band = {
          low05: rows.low05[i] as number,
          median: median[i] as number,
          high95: rows.high95[i] as number,
        };
        return bandPosition(band, 0.8) <= p;
      });
    const chosen = score(position);
    const bolder = score(position + 0.1);

    assert.ok(chosen.falseAlarms <= 0.2 * (chosen.announced + chosen.falseAlarms));
    assert.ok(bolder.falseAlarms > 0.2 * (bolder.announced + bolder.falseAlarms));
    assert.ok(chosen.announced > 0.7 * chosen.moments);
  });

  test('announces by the median where hot moments are too few to choose', () => {
    const rows = { low05: [0.1], median: [0.2], high95: [0.3], actual: [0.9] };

    assert.equal(chooseAnnouncePosition(rows), 0);
  });
});
