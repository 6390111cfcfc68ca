import type { ModelName } from '#domain';
import { MlschedError } from '#kernel/errors';
import type { ModelRegistry } from '#registry';

/** The version in service. */
export const CHAMPION = 'champion';
/** The version that is being judged or shadowed. */
export const CHALLENGER = 'challenger';
/** The version that was in service before: where a rollback leads. */
const PREVIOUS = 'previous';

/** What a promotion or rollback did. */
export interface AliasMove {
  readonly model: ModelName;
  /** Undefined when no version was in service before. */
  readonly from: number | undefined;
  readonly to: number;
}

/**
 * Puts a version into service.
 *
 * @param expected - Champion that the candidate was judged against.
 * @throws MlschedError `MLS_TRAINING_CHAMPION_CHANGED` when another one is in service by now: the verdict is about the old one.
 */
export async function promote(
  registry: ModelRegistry,
  model: ModelName,
  version: number,
  expected: number | undefined,
): Promise<AliasMove> {
  const aliases = await registry.aliases(model);
  const from = aliases[CHAMPION];
  if (from !== expected) throw championChanged(model, expected, from);
  if (from === version) return { model, from, to: version };
  // First the way back, then the step.
  if (from !== undefined) await registry.setAlias(model, PREVIOUS, from);
  await registry.setAlias(model, CHAMPION, version);
  if (aliases[CHALLENGER] === version) await registry.removeAlias(model, CHALLENGER);
  return { model, from, to: version };
}

/**
 * Puts the version back into service that was there before.
 *
 * @throws MlschedError `MLS_TRAINING_NO_PREVIOUS`.
 */
export async function rollBack(registry: ModelRegistry, model: ModelName): Promise<AliasMove> {
  const aliases = await registry.aliases(model);
  const to = aliases[PREVIOUS];
  if (to === undefined) throw noPrevious(model);
  await registry.setAlias(model, CHAMPION, to);
  await registry.removeAlias(model, PREVIOUS);
  return { model, from: aliases[CHAMPION], to };
}

function championChanged(
  model: ModelName,
  expected: number | undefined,
  found: number | undefined,
): MlschedError {
  const words = (version: number | undefined): string =>
    version === undefined ? 'none' : `version ${version}`;
  return new MlschedError(
    'MLS_TRAINING_CHAMPION_CHANGED',
    `${model}: judged against ${words(expected)}, but ${words(found)} is in service by now`,
    {
      kind: 'conflict',
      hint: 'Judge the candidate again; another promotion came between.',
      details: { model },
    },
  );
}

function noPrevious(model: ModelName): MlschedError {
  return new MlschedError(
    'MLS_TRAINING_NO_PREVIOUS',
    `${model} has no earlier version in service to go back to`,
    {
      kind: 'not-found',
      hint: "List the versions with 'mlsched models list' and promote one of them.",
      details: { model },
    },
  );
}
