import { MlschedError } from '#kernel/errors';

export function weightsInvalid(detail: string): MlschedError {
  return new MlschedError('MLS_MODELS_ENSEMBLE_WEIGHTS', `score weights: ${detail}`, {
    kind: 'invalid-input',
    hint: 'give each part a weight of 0 or more, and at least one above 0',
  });
}

export function partShapeWrong(part: string, length: number, count: number): MlschedError {
  return new MlschedError(
    'MLS_MODELS_ENSEMBLE_SHAPE',
    `part ${part} has ${length} scores for ${count} candidates`,
    {
      kind: 'internal',
      hint: 'give each part one score a candidate, NaN where unknown',
      details: { part, length, count },
    },
  );
}
