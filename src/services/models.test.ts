import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { MODEL_NAMES } from '#domain';
import { isMlschedError } from '#kernel/errors';
import { createEnsemblePolicy } from '#models/ensemble';
import { loadModel, loadPolicyModels } from './models.ts';

const scratch = mkdtempSync(join(tmpdir(), 'mlsched-models-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const starters = resolve(import.meta.dirname, '../../data/starter-models');

test('an empty registry gives the starter models, says so, and they fit the present code', async () => {
  const notes: string[] = [];

  const artefacts = await loadPolicyModels(join(scratch, 'empty'), 'champion', ['mlsched'], {
    note: (line) => notes.push(line),
  });

  assert.deepEqual([...artefacts.keys()].sort(), [...MODEL_NAMES].sort());
  assert.equal(notes.length, MODEL_NAMES.length);
  assert.doesNotThrow(() => createEnsemblePolicy({ name: 'mlsched', context: { artefacts } }));
});

test('no model is loaded for policies that need none', async () => {
  const artefacts = await loadPolicyModels(join(scratch, 'empty'), 'champion', ['stock'], {
    note: () => undefined,
  });

  assert.equal(artefacts.size, 0);
});

test('another reference than champion must exist', async () => {
  await assert.rejects(
    loadModel(join(scratch, 'empty'), 'load-forecast', 'challenger', { note: () => undefined }),
    (error) => isMlschedError(error) && error.code === 'MLS_TRAINING_MODEL_NOT_FOUND',
  );
});

test('a model folder with a changed byte is refused', async () => {
  const folder = join(scratch, 'placement');
  cpSync(join(starters, 'placement'), folder, { recursive: true });
  writeFileSync(join(folder, 'weights.f32'), new Uint8Array(25_960));

  await assert.rejects(
    loadModel(join(scratch, 'empty'), 'placement', folder, { note: () => undefined }),
    (error) => isMlschedError(error) && error.code === 'MLS_TRAINING_MODEL_CORRUPT',
  );
});
