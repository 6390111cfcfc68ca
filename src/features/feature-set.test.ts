import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FEATURE_CATALOGUE, FEATURE_COUNT, parseFeatureSet } from '#features';

const namesOf = (text: string): string[] =>
  parseFeatureSet(text).map((column) => FEATURE_CATALOGUE[column]?.name ?? '');

test('a feature set is read from left to right, groups and features, with and without', () => {
  assert.equal(parseFeatureSet('all').length, FEATURE_COUNT);
  assert.deepEqual(namesOf('last_value, minute_0'), ['last_value', 'minute_0']);
  assert.ok(namesOf('all,-calendar').every((name) => name !== 'day_sin'));
  assert.deepEqual(namesOf('calendar,-calendar,day_cos'), ['day_cos']);
  assert.deepEqual(namesOf('minute_0,last_value'), ['last_value', 'minute_0']);
});

test('a name that is none, and an empty set, are refused with what was probably meant', () => {
  assert.throws(() => parseFeatureSet('all,-calender'), { code: 'MLS_FEATURES_SET', hint: /calendar/ });
  assert.throws(() => parseFeatureSet('calendar,-calendar'), { code: 'MLS_FEATURES_SET' });
  assert.throws(() => parseFeatureSet(''), { code: 'MLS_FEATURES_SET' });
});
