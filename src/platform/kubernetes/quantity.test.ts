import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { quantityMillis, quantityMillisExact, quantityValue } from './quantity.ts';

test('the forms of the API reference are read, and rounded up as Kubernetes rounds', () => {
  const values: readonly [text: string | number, value: number, millis: number][] = [
    ['0', 0, 0],
    ['1', 1, 1000],
    [2, 2, 2000],
    ['100m', 1, 100],
    ['1500m', 2, 1500],
    ['0.1', 1, 100],
    ['.5', 1, 500],
    ['5.', 5, 5000],
    ['128Mi', 134_217_728, 134_217_728_000],
    ['1.5Gi', 1_610_612_736, 1_610_612_736_000],
    ['1k', 1000, 1_000_000],
    ['12e3', 12_000, 12_000_000],
    ['1E3', 1000, 1_000_000],
    ['1E', 1e18, 1e21],
    ['1Ei', 2 ** 60, 2 ** 60 * 1000],
    ['123456789n', 1, 124],
    ['250u', 1, 1],
    ['-1500m', -1, -1500],
    ['+3', 3, 3000],
    ['1e-3', 1, 1],
  ];
  for (const [text, value, millis] of values) {
    assert.equal(quantityValue(text), value, `value of ${text}`);
    assert.equal(quantityMillis(text), millis, `millis of ${text}`);
  }
  assert.equal(quantityMillisExact('1234567n'), 1.234567);
});

test('what is no quantity is unknown, never 0', () => {
  const wrong = [
    '',
    ' ',
    'x',
    '1x',
    '1 Gi',
    '1.2.3',
    '--1',
    '1KI',
    '1ki',
    'NaN',
    'Infinity',
    '0x10',
    '1e999',
    '.',
    null,
    undefined,
    {},
    '9'.repeat(65),
  ];
  for (const value of wrong) {
    assert.ok(Number.isNaN(quantityValue(value)), `value of ${JSON.stringify(value)}`);
    assert.ok(Number.isNaN(quantityMillis(value)), `millis of ${JSON.stringify(value)}`);
  }
});

const SUFFIXES: readonly [suffix: string, times: bigint, per: bigint][] = [
  ['', 1n, 1n],
  ['n', 1n, 10n ** 9n],
  ['u', 1n, 10n ** 6n],
  ['m', 1n, 1000n],
  ['k', 1000n, 1n],
  ['M', 10n ** 6n, 1n],
  ['G', 10n ** 9n, 1n],
  ['Ki', 1024n, 1n],
  ['Mi', 1024n ** 2n, 1n],
  ['Gi', 1024n ** 3n, 1n],
  ['e2', 100n, 1n],
  ['E-2', 1n, 100n],
];

test('every number with every suffix is the exact fraction, rounded up', () => {
  const number = fc.record({
    whole: fc.bigInt({ min: 0n, max: 10n ** 9n }),
    part: fc.option(fc.stringMatching(/^\d{1,9}$/), { nil: undefined }),
    suffix: fc.constantFrom(...SUFFIXES),
  });
  fc.assert(
    fc.property(number, ({ whole, part, suffix: [suffix, times, per] }) => {
      const text = `${whole}${part === undefined ? '' : `.${part}`}${suffix}`;
      const places = BigInt(part?.length ?? 0);
      const numerator = BigInt(`${whole}${part ?? ''}`) * times;
      const divisor = per * 10n ** places;
      const up = (scale: bigint): number => Number((numerator * scale + divisor - 1n) / divisor);
      assert.equal(quantityValue(text), up(1n));
      assert.equal(quantityMillis(text), up(1000n));
    }),
  );
});

test('any text gives a number or NaN and never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+.0-9eEkKmMiGnu]{0,12}$/)), (text) => {
      assert.equal(typeof quantityValue(text), 'number');
      assert.equal(typeof quantityMillis(text), 'number');
    }),
  );
});
