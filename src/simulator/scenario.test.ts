import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { prepareScenario } from './prepare.ts';
import { parseScenario } from './scenario.ts';
import { someTraces } from './test-fixtures.ts';

const folder = join(import.meta.dirname, 'scenarios');

test('every built-in scenario is valid, named like its file and can be prepared', () => {
  const files = readdirSync(folder);

  assert.ok(files.length >= 6);
  for (const file of files) {
    const scenario = parseScenario(readFileSync(join(folder, file), 'utf8'), file);
    assert.equal(`${scenario.name}.yaml`, file);
    if (scenario.name === 'scale-1000') continue;
    const { nodes, workload } = prepareScenario(scenario, someTraces(), 1);
    assert.ok(nodes.length > 0 && workload.pods.count > 0, file);
  }
});

const base = { name: 'x', description: 'x', nodeGroups: [{ count: 1, cpuMillicores: 1000, memoryGib: 4 }] };

test('a broken scenario is refused with the key and what to do', () => {
  const cases = [
    {
      name: 'unknown key',
      text: { ...base, demandRation: 1 },
      message: /unknown key demandRation/,
      hint: /demandRatio\?/,
    },
    {
      name: 'unknown key inside a list',
      text: { ...base, nodeGroups: [{ ...base.nodeGroups[0], cpuMilicores: 5 }] },
      message: /unknown key nodeGroups\.0\.cpuMilicores/,
      hint: /cpuMillicores\?/,
    },
    { name: 'no nodes', text: { ...base, nodeGroups: [] }, message: /nodeGroups or tracedNodes/, hint: /./ },
    {
      name: 'zero capacity',
      text: { ...base, nodeGroups: [{ count: 1, cpuMillicores: 0, memoryGib: 4 }] },
      message: /nodeGroups\.0\.cpuMillicores/,
      hint: /./,
    },
    { name: 'step', text: { ...base, stepSeconds: 45 }, message: /divide 300/, hint: /./ },
    { name: 'demand above 1', text: { ...base, demandRatio: 75 }, message: /demandRatio/, hint: /./ },
  ];
  for (const { name, text, message, hint } of cases) {
    assert.throws(
      () => parseScenario(JSON.stringify(text), 'mine'),
      (error: { code: string; message: string; hint: string }) =>
        error.code === 'MLS_SIMULATOR_SCENARIO_INVALID' &&
        message.test(error.message) &&
        hint.test(error.hint),
      name,
    );
  }
});

test('text that is not YAML is refused as such', () => {
  assert.throws(() => parseScenario('a: [', 'mine'), {
    code: 'MLS_SIMULATOR_SCENARIO_INVALID',
    message: /not YAML/,
  });
});
