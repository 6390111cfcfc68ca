import { MlschedError } from '#kernel/errors';

export function tooFewMachines(machines: number): MlschedError {
  return new MlschedError(
    'MLS_TRAINING_TOO_FEW_MACHINES',
    `the machines protocol needs at least 2 machines, the data hold ${machines}`,
    {
      kind: 'invalid-input',
      hint: 'use the time protocol, or add the load of other machines',
      details: { machines },
    },
  );
}

export function historyTooShort(machines: number): MlschedError {
  return new MlschedError(
    'MLS_TRAINING_HISTORY_TOO_SHORT',
    `none of the ${machines} machines has enough known load to train and test a forecast`,
    {
      kind: 'invalid-input',
      hint: 'give at least two days of load with a sample every 5 minutes or more often',
      details: { machines },
    },
  );
}
