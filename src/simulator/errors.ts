import { MlschedError } from '#kernel/errors';

/** A scenario file breaks its schema. */
export function scenarioInvalid(scenario: string, problem: string, hint: string): MlschedError {
  return new MlschedError('MLS_SIMULATOR_SCENARIO_INVALID', `scenario ${scenario}: ${problem}`, {
    kind: 'invalid-input',
    hint,
    details: { scenario },
  });
}

/** The traces cannot carry the scenario: something that it needs is not there. */
export function tracesTooSmall(what: string, hint: string): MlschedError {
  return new MlschedError(
    'MLS_SIMULATOR_TRACES_TOO_SMALL',
    `the traces cannot carry this scenario: ${what}`,
    {
      kind: 'invalid-input',
      hint,
    },
  );
}

/** A policy name that nobody registered. */
export function policyUnknown(name: string, nearest: string, known: readonly string[]): MlschedError {
  return new MlschedError('MLS_SIMULATOR_POLICY_UNKNOWN', `there is no policy named ${name}`, {
    kind: 'not-found',
    hint: `did you mean ${nearest}? Known: ${known.join(', ')}`,
    details: { policy: name },
  });
}

/** A policy answered with a node that was not among the feasible ones. */
export function choiceInfeasible(policy: string, node: number): MlschedError {
  return new MlschedError(
    'MLS_SIMULATOR_CHOICE_INFEASIBLE',
    `policy ${policy} chose node index ${node}, which is not feasible for the pod`,
    {
      kind: 'internal',
      hint: 'choose() must return one of feasible[0..feasibleCount) or -1',
      details: { policy, node },
    },
  );
}

/** A policy needs something that its context does not hold. */
export function policyNeeds(policy: string, what: string): MlschedError {
  return new MlschedError('MLS_SIMULATOR_POLICY_NEEDS', `policy ${policy} needs ${what}`, {
    kind: 'invalid-input',
    hint: `create it with a context that holds ${what}`,
    details: { policy },
  });
}
