import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { MlschedError } from '#kernel/errors';
import { nearestName } from '#kernel/nearest-name';
import { parseScenario } from '#simulator';
import type { Scenario } from '#simulator';

const BUILT_IN = join(import.meta.dirname, '../simulator/scenarios');

/** Names of the scenarios that come with the product, sorted. */
export async function listScenarios(): Promise<string[]> {
  const files = await readdir(BUILT_IN);
  return files
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/**
 * Reads a scenario by name, or from a file of one's own.
 *
 * @param nameOrPath - A built-in name, or a path that ends in .yaml, .yml or .json.
 * @throws MlschedError `MLS_TRAINING_SCENARIO_UNKNOWN`, or `MLS_SIMULATOR_SCENARIO_INVALID` from its content.
 */
export async function loadScenario(nameOrPath: string): Promise<Scenario> {
  const isPath = /\.(ya?ml|json)$/.test(nameOrPath);
  const file = isPath ? nameOrPath : join(BUILT_IN, `${nameOrPath}.yaml`);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) throw await scenarioUnknown(nameOrPath);
  return parseScenario(text, nameOrPath);
}

async function scenarioUnknown(name: string): Promise<MlschedError> {
  const known = await listScenarios();
  return new MlschedError('MLS_TRAINING_SCENARIO_UNKNOWN', `there is no scenario ${name}`, {
    kind: 'not-found',
    hint: `did you mean ${nearestName(name, known)}? Built in: ${known.join(', ')}; or give the path of a file`,
    details: { scenario: name },
  });
}
