import { isMlschedError, MlschedError } from '#kernel/errors';

/** MLflow's own error code inside a refusal (`RESOURCE_DOES_NOT_EXIST`); undefined for any other error. */
export function mlflowErrorCode(error: unknown): string | undefined {
  if (!isMlschedError(error)) return undefined;
  const answer = error.details['answer'];
  if (typeof answer !== 'string') return undefined;
  return /"error_code":\s*"([A-Z_]+)"/.exec(answer)?.[1];
}

/** The server keeps its artefacts where only its own clients reach them. */
export function artefactsNotProxied(uri: string): MlschedError {
  return new MlschedError('MLS_MLFLOW_ARTEFACTS', `MLflow keeps the artefacts of this run at ${uri}`, {
    kind: 'invalid-input',
    hint: 'Start the MLflow server with --serve-artifacts and an --artifacts-destination.',
    details: { uri },
  });
}

/** An answer without what the API promises. */
export function answerUnexpected(path: string, problem: string): MlschedError {
  return new MlschedError('MLS_MLFLOW_ANSWER', `MLflow answered ${path} in an unknown form: ${problem}`, {
    kind: 'unavailable',
    hint: 'Check that the address is an MLflow server, version 2.9 or newer, and no sign-in page before it.',
    details: { path },
  });
}
