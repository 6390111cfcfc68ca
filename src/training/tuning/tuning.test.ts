import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { openStudy } from './optuna.ts';
import { readSearchSpace } from './search-space.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const SPACE = join(ROOT, 'configs/tuning/forecast.yaml');

describe('the search space', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'mlsched-space-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('that comes with the product is read', async () => {
    const { objective, parameters } = await readSearchSpace(SPACE);

    assert.equal(objective.direction, 'minimize');
    assert.ok(parameters.some(({ name, scale }) => name === 'learningRate' && scale === 'log'));
  });

  test('is refused when a bound is wrong, a key is unknown or the file is missing', async () => {
    const head = 'objective: { metric: mase, direction: minimize }\nparameters:\n';
    const cases = {
      'upside-down': `${head}  - { name: a, type: double, scale: linear, minimum: 2, maximum: 1 }\n`,
      'log-zero': `${head}  - { name: a, type: double, scale: log, minimum: 0, maximum: 1 }\n`,
      unknown: `${head}  - { name: a, type: double, scale: log, minimum: 1, maximum: 2, step: 3 }\n`,
    };
    for (const [name, text] of Object.entries(cases)) {
      writeFileSync(join(folder, name), text);
      await assert.rejects(readSearchSpace(join(folder, name)), { code: 'MLS_TRAINING_SEARCH_SPACE' }, name);
    }
    await assert.rejects(readSearchSpace(join(folder, 'none')), { code: 'MLS_TRAINING_SEARCH_SPACE' });
  });
});

const isRequired = process.env['MLSCHED_REQUIRE_ALL'] === '1';
const script = ['tools/python/setup-env.sh', 'forecast'];
const found = spawnSync('bash', isRequired ? script : [...script, '--find'], { cwd: ROOT, encoding: 'utf8' });
const skip = found.status === 0 ? false : "Optuna is missing: run 'bash tools/python/setup-env.sh forecast'";

describe('a study of Optuna', { skip }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'mlsched-optuna-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('tries what it is given first, learns, prunes, and goes on after its process ended', async () => {
    const space = {
      objective: { metric: 'distance', direction: 'minimize' as const },
      parameters: [
        { name: 'x', type: 'double' as const, scale: 'linear' as const, minimum: -4, maximum: 4 },
        { name: 'n', type: 'integer' as const, scale: 'linear' as const, minimum: 1, maximum: 5 },
      ],
    };
    const options = {
      name: 's',
      storage: join(folder, 'journal'),
      space,
      seed: 1,
      enqueue: [{ x: 3, n: 2 }],
    };
    const study = await openStudy(options);
    const values: number[] = [];
    let pruned = 0;
    for (let i = 0; i < 30; i++) {
      const { number, parameters } = await study.ask();
      if (i === 0) assert.deepEqual(parameters, { x: 3, n: 2 });
      assert.ok(Number.isInteger(parameters['n']));
      const value = ((parameters['x'] ?? 0) - 1) ** 2;
      const isLagging = await study.report(number, 1, value);
      await study.tell(number, { state: isLagging ? 'pruned' : 'complete', value: isLagging ? null : value });
      if (isLagging) pruned++;
      else values.push(value);
    }
    await study.ask();
    await study.close();
    const again = await openStudy(options);
    const next = await again.ask();
    await again.close();

    assert.ok(Math.min(...values) < 0.05, `best ${Math.min(...values)}`);
    assert.ok(pruned > 3, `${pruned} pruned`);
    assert.equal(again.past.length, 31);
    assert.equal(again.past.at(-1)?.state, 'fail');
    assert.ok(again.past.every(({ parameters }) => parameters['x'] !== next.parameters['x']));
  });
});
