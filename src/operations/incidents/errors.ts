import { MlschedError, messageOf } from '#kernel/errors';
import { nearestName } from '#kernel/nearest-name';

/** Nobody knows an incident of this name. */
export function incidentUnknown(id: string, known: readonly string[]): MlschedError {
  const near = known.length === 0 ? undefined : nearestName(id, known);
  return new MlschedError('MLS_OPERATIONS_INCIDENT_UNKNOWN', `there is no incident ${id.slice(0, 200)}`, {
    kind: 'not-found',
    hint:
      near === undefined
        ? 'No incident was ever recorded here; check MLSCHED_HOME.'
        : `'mlsched incidents list' names them all; did you mean ${near}?`,
    details: { id: id.slice(0, 200) },
  });
}

/** The file of the incidents cannot be read or written. */
export function bookUnusable(path: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_OPERATIONS_INCIDENT_BOOK', `${path}: ${messageOf(cause)}`, {
    kind: 'unavailable',
    hint: 'Check that the disk has room and that the user that runs mlsched may read and write there.',
    details: { path },
    cause,
  });
}

/** A verdict that came over HTTP has another form. */
export function verdictInvalid(problem: string): MlschedError {
  return new MlschedError('MLS_OPERATIONS_VERDICT_INVALID', `this is no verdict: ${problem}`, {
    kind: 'invalid-input',
    hint: 'Send {"isTrue": true} or {"isTrue": false}, with "by" and "note" as you like.',
  });
}
