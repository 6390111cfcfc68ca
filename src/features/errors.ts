import { MlschedError } from '#kernel/errors';

export function stepInvalid(stepSeconds: number): MlschedError {
  return new MlschedError('MLS_FEATURES_STEP', `resampling step ${stepSeconds} s is not a positive number`, {
    kind: 'invalid-input',
    hint: 'give the step in whole seconds, for example 300',
    details: { stepSeconds },
  });
}

export function sampleOutOfOrder(machine: string, timeMs: number, lastMs: number): MlschedError {
  return new MlschedError(
    'MLS_FEATURES_OUT_OF_ORDER',
    `machine ${machine}: sample at ${timeMs} comes after one at ${lastMs}`,
    {
      kind: 'invalid-input',
      hint: 'feed samples in the order of their time; drop what arrives late',
      details: { machine, timeMs, lastMs },
    },
  );
}

export function originInPast(machine: string, originMs: number, lastMs: number): MlschedError {
  return new MlschedError(
    'MLS_FEATURES_ORIGIN_PAST',
    `machine ${machine}: features at ${originMs} were asked for after the sample of ${lastMs} had come in`,
    {
      kind: 'invalid-input',
      hint: 'ask for features no earlier than the newest sample: they would hold its future',
      details: { machine, originMs, lastMs },
    },
  );
}

export function rowShapeWrong(length: number, needed: number): MlschedError {
  return new MlschedError('MLS_FEATURES_SHAPE', `feature rows need ${needed} places, got ${length}`, {
    kind: 'internal',
    hint: 'allocate rows x FEATURE_COUNT values',
    details: { length, needed },
  });
}

export function setUnknown(name: string, why: string, nearest: string): MlschedError {
  return new MlschedError('MLS_FEATURES_SET', `feature set ${name}: ${why}`, {
    kind: 'invalid-input',
    hint:
      nearest === ''
        ? 'Name groups or features, separated by commas; `all,-seasonal` leaves a group out.'
        : `Did you mean ${nearest}? \`mlsched features list\` lists groups and features.`,
    details: { name },
  });
}
