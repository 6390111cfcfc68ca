import { MlschedError } from '#kernel/errors';

/** The request is not what the protocol says. */
export function requestInvalid(problem: string): MlschedError {
  return new MlschedError('MLS_SERVING_REQUEST', `the request is not valid: ${problem}`, {
    kind: 'invalid-input',
    hint: 'Compare it with the Open Inference Protocol and the metadata of the model (GET /v2/models/NAME).',
  });
}

export function shapeInvalid(tensor: string, problem: string): MlschedError {
  return new MlschedError('MLS_SERVING_SHAPE', `tensor ${tensor} ${problem}`, {
    kind: 'invalid-input',
    hint: 'Ask GET /v2/models/NAME for the inputs of the model.',
    details: { tensor },
  });
}

export function modelUnknown(name: string, known: readonly string[]): MlschedError {
  return new MlschedError(
    'MLS_SERVING_MODEL_UNKNOWN',
    `Model with name ${name} does not exist. There are: ${known.join(', ')}`,
    { kind: 'not-found', hint: 'Ask GET /v2/models for the models served here.', details: { model: name } },
  );
}

export function versionUnknown(name: string, version: string, serving: string): MlschedError {
  return new MlschedError(
    'MLS_SERVING_VERSION_UNKNOWN',
    `version ${version} of model ${name} is not served, version ${serving} is`,
    {
      kind: 'not-found',
      hint: 'Leave the version out, or move the alias to it.',
      details: { model: name, version },
    },
  );
}

export function modelNotReady(name: string, reason: string): MlschedError {
  return new MlschedError('MLS_SERVING_NOT_READY', `model ${name} is not ready: ${reason}`, {
    kind: 'unavailable',
    hint: 'Register a version and point the served alias to it.',
    details: { model: name },
  });
}

/** More requests wait than the server may keep. */
export function overloaded(waiting: number): MlschedError {
  return new MlschedError('MLS_SERVING_OVERLOADED', `${waiting} requests are waiting already`, {
    kind: 'unavailable',
    hint: 'Try again later, or run more replicas.',
    details: { waiting },
  });
}
