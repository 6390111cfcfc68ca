import { MlschedError } from '#kernel/errors';

export function modelNotFound(
  model: string,
  reference: string | number,
  known: readonly string[],
): MlschedError {
  const choices = known.length === 0 ? 'nothing is registered yet' : `there are: ${known.join(', ')}`;
  return new MlschedError('MLS_TRAINING_MODEL_NOT_FOUND', `model ${model} has no ${reference}; ${choices}`, {
    kind: 'not-found',
    hint: "Train and register it with 'mlsched train', or name one of the versions or aliases above.",
    details: { model, reference },
  });
}

/** A stored file is not what was stored. */
export function modelCorrupt(file: string, reason: string): MlschedError {
  return new MlschedError('MLS_TRAINING_MODEL_CORRUPT', `model file ${file} ${reason}`, {
    kind: 'invalid-input',
    hint: 'Restore the file from a copy, or move the alias back to an earlier version.',
    details: { file },
  });
}

export function nameInvalid(what: string, name: string, rule: string): MlschedError {
  return new MlschedError(
    'MLS_TRAINING_NAME_INVALID',
    `${what} ${JSON.stringify(name)} is not allowed: ${rule}`,
    {
      kind: 'invalid-input',
      hint: `Choose another ${what}.`,
      details: { what, name },
    },
  );
}

export function metricInvalid(metric: string, value: number): MlschedError {
  return new MlschedError('MLS_TRAINING_METRIC_INVALID', `metric ${metric} is ${value}`, {
    kind: 'invalid-input',
    hint: 'Leave a metric out when it is unknown; only finite numbers are stored.',
    details: { metric, value: String(value) },
  });
}

export function runNotFound(runId: string): MlschedError {
  return new MlschedError('MLS_TRAINING_RUN_NOT_FOUND', `there is no run ${runId}`, {
    kind: 'not-found',
    hint: 'List the runs of the experiment and name one of them.',
    details: { runId },
  });
}

export function runConflict(runId: string, reason: string): MlschedError {
  return new MlschedError('MLS_TRAINING_RUN_CONFLICT', `run ${runId}: ${reason}`, {
    kind: 'conflict',
    hint: 'Start a new run instead.',
    details: { runId },
  });
}
