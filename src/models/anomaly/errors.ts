import { MlschedError } from '#kernel/errors';

/** A matrix, row or option does not fit the model it is given to. */
export function shapeWrong(what: string, found: number, expected: string): MlschedError {
  return new MlschedError('MLS_MODELS_ANOMALY_SHAPE', `${what} is ${found}, expected ${expected}`, {
    kind: 'invalid-input',
    hint: 'give the matrix row by row with the metrics that the model was fitted on, in their order',
    details: { what, found },
  });
}

/** There is not enough to learn from. */
export function tooLittleData(what: string, found: number, needed: number): MlschedError {
  return new MlschedError('MLS_MODELS_ANOMALY_DATA', `${what}: ${found}, at least ${needed} needed`, {
    kind: 'invalid-input',
    hint: 'collect a longer training span',
    details: { what, found, needed },
  });
}

/** The bytes are not a model of this kind, or not whole. */
export function artefactInvalid(detail: string): MlschedError {
  return new MlschedError('MLS_MODELS_ANOMALY_ARTEFACT', `node-anomaly model: ${detail}`, {
    kind: 'invalid-input',
    hint: 'train the model again with `mlsched train anomaly`',
  });
}
