import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openFileRegistry } from '#registry';

import { promote, rollBack } from './promote.ts';

async function openRegistry(t: TestContext, versions: number) {
  const home = await mkdtemp(join(tmpdir(), 'mlsched-promote-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const registry = openFileRegistry({ home });
  for (let i = 0; i < versions; i++)
    await registry.register({
      model: 'load-forecast',
      schemaVersion: '1',
      files: new Map([['model.ubj', Uint8Array.of(i)]]),
    });
  return registry;
}

test('a promotion keeps the way back, and a rollback goes it', async (t) => {
  const registry = await openRegistry(t, 2);
  assert.deepEqual(await promote(registry, 'load-forecast', 1, undefined), {
    model: 'load-forecast',
    from: undefined,
    to: 1,
  });
  await registry.setAlias('load-forecast', 'challenger', 2);
  await promote(registry, 'load-forecast', 2, 1);
  assert.deepEqual(await registry.aliases('load-forecast'), { champion: 2, previous: 1 });
  assert.deepEqual(await rollBack(registry, 'load-forecast'), { model: 'load-forecast', from: 2, to: 1 });
  assert.deepEqual(await registry.aliases('load-forecast'), { champion: 1 });
  await assert.rejects(rollBack(registry, 'load-forecast'), { code: 'MLS_TRAINING_NO_PREVIOUS' });
});

test('of two promotions that were judged against the same champion only the first goes through', async (t) => {
  const registry = await openRegistry(t, 3);
  await promote(registry, 'load-forecast', 1, undefined);
  await promote(registry, 'load-forecast', 2, 1);
  await assert.rejects(promote(registry, 'load-forecast', 3, 1), { code: 'MLS_TRAINING_CHAMPION_CHANGED' });
  assert.deepEqual(await registry.aliases('load-forecast'), { champion: 2, previous: 1 });
});

test('a registry that is lost between the two steps leaves the old version in service', async (t) => {
  const registry = await openRegistry(t, 2);
  await promote(registry, 'load-forecast', 1, undefined);
  const lost = {
    ...registry,
    setAlias: (model: 'load-forecast', alias: string, version: number) =>
      alias === 'champion'
        ? Promise.reject(new Error('connection reset'))
        : registry.setAlias(model, alias, version),
  };
  await assert.rejects(promote(lost as typeof registry, 'load-forecast', 2, 1));
  assert.equal((await registry.aliases('load-forecast'))['champion'], 1);
});
