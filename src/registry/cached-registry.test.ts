import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { MlschedError } from '#kernel/errors';
import { openCachedRegistry } from './cached-registry.ts';
import { sampleArtefact } from './contract.ts';
import { openFileRegistry } from './file-registry.ts';
import type { ModelRegistry } from './types.ts';

/** A registry that can be switched off. */
async function openPair(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'mlsched-cached-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const origin = openFileRegistry({ home: join(folder, 'origin') });
  const state: { fault: MlschedError | undefined; fallbacks: number } = { fault: undefined, fallbacks: 0 };
  const remote: ModelRegistry = {
    ...origin,
    load: (model, reference) => (state.fault ? Promise.reject(state.fault) : origin.load(model, reference)),
  };
  const registry = openCachedRegistry({
    remote,
    home: join(folder, 'copies'),
    onFallback: () => void state.fallbacks++,
  });
  return { origin, registry, state };
}

function fault(kind: 'unavailable' | 'timeout' | 'invalid-input'): MlschedError {
  return new MlschedError('MLS_TEST_FAULT', 'the registry is away', { kind });
}

test('while the registry is away the last copy is used, by alias and by number, and it is told', async (t) => {
  const { origin, registry, state } = await openPair(t);
  await origin.register(sampleArtefact(1));
  await origin.register(sampleArtefact(2));
  await origin.setAlias('load-forecast', 'champion', 2);
  const seen = await registry.load('load-forecast', 'champion');

  for (const kind of ['unavailable', 'timeout'] as const) {
    state.fault = fault(kind);
    const kept = await registry.load('load-forecast', 'champion');
    assert.equal(kept.version.version, 2);
    assert.deepEqual(
      Uint8Array.from(kept.artefact.files.get('model.ubj') ?? []),
      Uint8Array.from(seen.artefact.files.get('model.ubj') ?? []),
    );
  }
  assert.equal((await registry.load('load-forecast', 2)).version.version, 2);
  assert.equal(state.fallbacks, 3);
  await assert.rejects(registry.load('load-forecast', 1), { code: 'MLS_TEST_FAULT' });
});

test('a refusal is an answer: no copy hides it', async (t) => {
  const { origin, registry, state } = await openPair(t);
  await origin.register(sampleArtefact(1));
  await registry.load('load-forecast', 1);
  state.fault = fault('invalid-input');

  await assert.rejects(registry.load('load-forecast', 1), { code: 'MLS_TEST_FAULT' });
  assert.equal(state.fallbacks, 0);
});

test('a rollback is followed by the copy', async (t) => {
  const { origin, registry, state } = await openPair(t);
  await origin.register(sampleArtefact(1));
  await origin.register(sampleArtefact(2));
  for (const version of [2, 1]) {
    await origin.setAlias('load-forecast', 'champion', version);
    await registry.load('load-forecast', 'champion');
  }
  state.fault = fault('unavailable');
  assert.equal((await registry.load('load-forecast', 'champion')).version.version, 1);
});
