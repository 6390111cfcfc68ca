import { MlschedError } from '#kernel/errors';

export function unknownFeature(view: string, feature: string, nearest: string): MlschedError {
  return new MlschedError('MLS_FEAST_UNKNOWN_FEATURE', `view ${view} has no feature ${feature}`, {
    kind: 'invalid-input',
    hint: nearest === '' ? 'Name a feature of the view.' : `Did you mean ${nearest}?`,
    details: { view, feature },
  });
}

export function shapeWrong(what: string, expected: number, found: number): MlschedError {
  return new MlschedError('MLS_FEAST_SHAPE', `${what}: expected ${expected} values, got ${found}`, {
    kind: 'invalid-input',
    hint: 'Give one name a join key, one event time a row, and rows x features values.',
    details: { what, expected, found },
  });
}

export function answerUnexpected(url: string, what: string): MlschedError {
  return new MlschedError(
    'MLS_FEAST_ANSWER',
    `the feature server at ${url} answered in another form: ${what}`,
    {
      kind: 'unavailable',
      hint: 'Check that it is Feast 0.67 and that `feast apply` ran on deploy/feast of this version.',
      details: { url, what },
    },
  );
}
