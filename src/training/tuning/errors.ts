import type { ConfigProblem } from '#kernel/config';
import { MlschedError } from '#kernel/errors';

export function searchSpaceInvalid(path: string, { problem, hint }: ConfigProblem): MlschedError {
  return new MlschedError('MLS_TRAINING_SEARCH_SPACE', `search space ${path}: ${problem}`, {
    kind: 'invalid-input',
    hint,
    details: { path },
  });
}

export function parameterUnknown(name: string, known: readonly string[]): MlschedError {
  return new MlschedError('MLS_TRAINING_SEARCH_SPACE', `the load forecast has no parameter ${name}`, {
    kind: 'invalid-input',
    hint: `use some of ${known.join(', ')}`,
    details: { name },
  });
}

export function optunaFailed(action: string, detail: string): MlschedError {
  return new MlschedError('MLS_TRAINING_OPTUNA', `Optuna could not ${action}: ${detail}`, {
    kind: 'unavailable',
    hint: "run 'bash tools/python/setup-env.sh forecast' to see whether its Python environment can be made; a study goes on where it stopped",
    details: { action },
  });
}

export function noTrialFinished(trials: number): MlschedError {
  return new MlschedError('MLS_TRAINING_NO_TRIAL', `none of ${trials} trials was finished`, {
    kind: 'invalid-input',
    hint: 'allow more trials, or check that the data are enough for the rolling origins',
    details: { trials },
  });
}
