import { MlschedError } from '#kernel/errors';

/** A request whose form does not follow the contract. */
export function requestInvalid(where: string, problem: string): MlschedError {
  return new MlschedError('MLS_SCHEDULER_REQUEST', `${where === '' ? 'body' : where}: ${problem}`, {
    kind: 'invalid-input',
    hint: 'Compare the request with /openapi.json of this service.',
    details: { field: where },
  });
}

export function decisionUnknown(id: string): MlschedError {
  return new MlschedError('MLS_SCHEDULER_NO_DECISION', `there is no recent decision ${id}`, {
    kind: 'not-found',
    hint: "Older decisions are in the journal: 'mlsched explain pod NAMESPACE/NAME --journal DIR'.",
    details: { id },
  });
}

/** Somebody else changed the rollout since it was read. */
export function rolloutConflict(seen: number, found: number): MlschedError {
  return new MlschedError(
    'MLS_SCHEDULER_ROLLOUT_CONFLICT',
    `the rollout is at revision ${found}, not ${seen}: it was changed meanwhile`,
    {
      kind: 'conflict',
      hint: "Look at it with 'mlsched rollout status', then decide again.",
      details: { seen, found },
    },
  );
}

export function nothingToUndo(): MlschedError {
  return new MlschedError('MLS_SCHEDULER_NOTHING_TO_UNDO', 'the rollout was never changed', {
    kind: 'conflict',
    hint: "'mlsched rollout status' shows where it stands.",
  });
}

/** The configuration of the decision service is not usable. */
export function serviceConfigInvalid(file: string, problem: string, hint: string): MlschedError {
  return new MlschedError('MLS_SCHEDULER_CONFIG', `${file}: ${problem}`, {
    kind: 'invalid-input',
    hint,
    details: { file },
  });
}

/** A certificate, key or authority cannot be used. */
export function tlsInvalid(file: string, problem: string): MlschedError {
  return new MlschedError('MLS_SCHEDULER_TLS', `${file}: ${problem}`, {
    kind: 'invalid-input',
    hint: 'Give PEM files of a certificate, its key and the authority of the clients.',
    details: { file },
  });
}

/** Pushed load is refused: the service measures by itself. */
export function pushDisabled(): MlschedError {
  return new MlschedError('MLS_SCHEDULER_PUSH_DISABLED', 'this service does not take pushed load', {
    kind: 'conflict',
    hint: 'Set load.source to push in its configuration, if nothing else can be asked.',
  });
}
