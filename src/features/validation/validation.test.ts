import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { ENTITY_KEYS, featureView, validateFeature, validateSchema, type FeatureFinding } from '#features';
import { createRng } from '#kernel/rng';
import { compareDistributions } from './kolmogorov-smirnov.ts';
import { stabilityIndex } from './psi.ts';

interface Golden {
  readonly reference: readonly number[];
  readonly current: readonly number[];
  readonly statistic: number;
  readonly pValue: number;
  readonly stabilityIndex: number;
}

const path = join(resolve(import.meta.dirname, '../../..'), 'test/fixtures/parity/drift.json');
const golden = JSON.parse(readFileSync(path, 'utf8')) as { readonly cases: Readonly<Record<string, Golden>> };

describe('drift tests', () => {
  for (const [name, one] of Object.entries(golden.cases)) {
    const reference = Float64Array.from(one.reference).sort();
    const current = Float64Array.from(one.current).sort();

    test(`Kolmogorov-Smirnov agrees with SciPy: ${name}`, () => {
      const found = compareDistributions(reference, current);

      assert.ok(Math.abs(found.statistic - one.statistic) < 1e-12);
      // SciPy's tail is exact for the rounded size; ours is the corrected limit.
      assert.ok(Math.abs(found.pValue - one.pValue) < 0.01, `${found.pValue} is not ${one.pValue}`);
    });

    test(`the stability index agrees with NumPy: ${name}`, () => {
      assert.ok(Math.abs(stabilityIndex(reference, current) - one.stabilityIndex) < 1e-9);
    });
  }

  test('are unknown without values', () => {
    const some = Float64Array.of(1, 2);
    assert.ok(Number.isNaN(stabilityIndex(new Float64Array(0), some)));
    assert.ok(Number.isNaN(compareDistributions(some, new Float64Array(0)).pValue));
    assert.equal(stabilityIndex(Float64Array.of(3, 3, 3), Float64Array.of(3, 3)), 0);
  });
});

describe('validation of a feature', () => {
  const view = featureView('node_state');
  const definition = view.features.find(({ name }) => name === 'cpu_mean_1h');
  const sample = (seed: number, count: number, shift = 0): Float64Array => {
    const rng = createRng(seed);
    return Float64Array.from({ length: count }, () =>
      Math.min(1, Math.max(0, 0.4 + shift + 0.1 * rng.normal())),
    );
  };
  const steady = [1, 2, 3, 4].map((seed) => sample(seed, 500));
  const kindsOf = (findings: readonly FeatureFinding[]): string[] => findings.map(({ kind }) => kind);
  const judge = (current: Float64Array, reference = steady) => {
    assert.ok(definition);
    return validateFeature(view, definition, { current, reference, spanSeconds: 86_400 });
  };

  test('finds nothing where nothing changed', () => {
    assert.deepEqual(judge(sample(9, 500)).findings, []);
  });

  test('finds a shift, values out of range and more unknown ones, each by its name', () => {
    assert.deepEqual(kindsOf(judge(sample(9, 500, 0.2)).findings), ['drift']);
    assert.deepEqual(kindsOf(judge(sample(9, 500).map((value, i) => (i === 7 ? 40 : value))).findings), [
      'range',
    ]);
    assert.deepEqual(kindsOf(judge(sample(9, 500).map((value, i) => (i % 4 === 0 ? NaN : value))).findings), [
      'unknown-share',
    ]);
  });

  test('takes no alarm at a change that the reference shows among its own windows', () => {
    const restless = [0, 0.2, 0, 0.2].map((shift, i) => sample(i, 500, shift));

    assert.deepEqual(judge(sample(9, 500, 0.2), restless).findings, []);
    assert.ok(judge(sample(9, 500, 0.2), restless).health.stabilityLimit > 0.5);
  });

  test('does not judge drift by a handful of values, nor of the clock', () => {
    const clock = view.features.find(({ name }) => name === 'day_sin');
    assert.ok(clock);
    const early = Float64Array.from({ length: 500 }, () => -0.9);
    assert.deepEqual(
      validateFeature(view, clock, { current: early, reference: steady, spanSeconds: 86_400 }).findings,
      [],
    );
    assert.ok(Number.isNaN(judge(sample(9, 20, 0.5)).health.stabilityIndex));
  });

  test('does not judge drift of a day by a window of a day', () => {
    const daily = view.features.find(({ name }) => name === 'cpu_mean_1d');
    assert.ok(daily);
    const judged = (spanSeconds: number) =>
      kindsOf(
        validateFeature(view, daily, { current: sample(9, 500, 0.2), reference: steady, spanSeconds })
          .findings,
      );

    assert.deepEqual(judged(86_400), []);
    assert.deepEqual(judged(4 * 86_400), ['drift']);
  });

  test('holds the columns of a file against the view', () => {
    const right = new Map([
      ...ENTITY_KEYS.node.map((key) => [key, 'text'] as const),
      ['event_timestamp', 'time'] as const,
      ...view.features.map(({ name }) => [name, 'number'] as const),
    ]);
    const find = (
      change: (columns: Map<string, string>) => void,
      version: string | undefined = view.version,
    ) => {
      const columns = new Map<string, string>(right);
      change(columns);
      return kindsOf(validateSchema(view, ENTITY_KEYS.node, { columns, version }));
    };

    assert.deepEqual(
      find(() => undefined),
      [],
    );
    assert.deepEqual(
      find((columns) => columns.delete('cpu_now')),
      ['missing-column'],
    );
    assert.deepEqual(
      find((columns) => columns.set('cpu_now', 'text')),
      ['wrong-type'],
    );
    assert.deepEqual(
      find((columns) => columns.set('gpu', 'number')),
      ['unknown-column'],
    );
    assert.deepEqual(
      find(() => undefined, 'node_state-00000000'),
      ['version'],
    );
  });
});
