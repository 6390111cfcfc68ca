import { MlschedError } from '#kernel/errors';

export function placementStateWrong(name: string): MlschedError {
  return new MlschedError(
    'MLS_MODELS_PLACEMENT_STATE',
    `training state has no tensor ${name} of the network's size`,
    {
      kind: 'conflict',
      hint: 'it was written for another network: start a new training run',
      details: { name },
    },
  );
}

export function placementArtefactInvalid(detail: string): MlschedError {
  return new MlschedError('MLS_MODELS_PLACEMENT_ARTEFACT', `placement model: ${detail}`, {
    kind: 'conflict',
    hint: 'train a placement model with this version',
  });
}

export function placementFeatureInvalid(feature: string, node: number, value: number): MlschedError {
  return new MlschedError(
    'MLS_MODELS_PLACEMENT_FEATURE',
    `feature ${feature} of candidate ${node} is ${value}`,
    {
      kind: 'invalid-input',
      hint: 'check the capacity and the request behind it',
      details: { feature, node },
    },
  );
}

export function placementConfigInvalid(detail: string): MlschedError {
  return new MlschedError('MLS_MODELS_PLACEMENT_CONFIG', `placement training: ${detail}`, {
    kind: 'invalid-input',
    hint: 'see docs/reference/placement.md for the ranges',
  });
}
