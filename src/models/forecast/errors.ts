import { MlschedError } from '#kernel/errors';

export function schemaMismatch(found: string, expected: string): MlschedError {
  return new MlschedError(
    'MLS_FORECAST_SCHEMA',
    `load-forecast model of schema ${found}; this version reads ${expected}`,
    {
      kind: 'invalid-input',
      hint: 'train the model again with this version, or use the version that trained it',
      details: { found, expected },
    },
  );
}

export function artefactCorrupt(detail: string, cause?: unknown): MlschedError {
  return new MlschedError('MLS_FORECAST_CORRUPT', `load-forecast model cannot be read: ${detail}`, {
    kind: 'invalid-input',
    hint: 'restore the model from the registry or train it again',
    details: { detail },
    cause,
  });
}

export function rowsShapeWrong(what: string, expected: number, found: number): MlschedError {
  return new MlschedError('MLS_FORECAST_SHAPE', `${what}: expected ${expected} values, got ${found}`, {
    kind: 'invalid-input',
    hint: 'pass rows x FEATURE_COUNT values and one anchor and deviation a row',
    details: { what, expected, found },
  });
}

export function tooFewRows(target: string, horizonMinutes: number, rows: number): MlschedError {
  return new MlschedError(
    'MLS_FORECAST_TOO_FEW_ROWS',
    `${target} at ${horizonMinutes} min: ${rows} usable training rows are too few`,
    {
      kind: 'invalid-input',
      hint: 'give at least a day of history; check that the series is not all unknown',
      details: { target, horizonMinutes, rows },
    },
  );
}

export function noTarget(): MlschedError {
  return new MlschedError('MLS_FORECAST_NO_TARGET', 'no resource has training rows', {
    kind: 'invalid-input',
    hint: 'the load data hold no known CPU or memory value',
  });
}
