import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import type { ModelArtefact } from '#domain';

import type { ExperimentTracker, ModelRegistry } from './types.ts';

/** A fresh, empty place for one test. */
export interface RegistryUnderTest {
  readonly registry: ModelRegistry;
  readonly tracker: ExperimentTracker;
  close(): Promise<void>;
}

/** A small artefact whose bytes depend on `seed`. */
export function sampleArtefact(seed: number, schemaVersion = '1'): ModelArtefact {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31 + seed * 7) % 256);
  return {
    model: 'load-forecast',
    schemaVersion,
    files: new Map([
      ['model.ubj', bytes],
      ['settings.json', new TextEncoder().encode(`{"seed":${seed}}`)],
    ]),
  };
}

type Check = (place: RegistryUnderTest) => Promise<void>;

/** What every model registry and experiment tracker must do; each implementation's test file calls this once. */
export function describeRegistryContract(name: string, open: () => Promise<RegistryUnderTest>): void {
  describe(`${name} keeps the registry contract`, () => {
    for (const [sentence, check] of Object.entries({ ...registryChecks, ...aliasChecks, ...trackerChecks }))
      test(sentence, async () => {
        const place = await open();
        try {
          await check(place);
        } finally {
          await place.close();
        }
      });
  });
}

const registryChecks: Readonly<Record<string, Check>> = {
  'what was registered is loaded, bit by bit': async ({ registry }) => {
    const artefact = sampleArtefact(1);
    const stored = await registry.register(artefact, {
      runId: '0123456789abcdef0123456789abcdef',
      metrics: { mae: 0.125 },
      parameters: { depth: 6, objective: 'reg:absoluteerror', tuned: true },
      tags: { dataset: 'smd-nodes' },
    });
    const loaded = await registry.load('load-forecast', stored.version);

    assert.equal(loaded.artefact.model, 'load-forecast');
    assert.equal(loaded.artefact.schemaVersion, '1');
    assert.deepEqual([...loaded.artefact.files.keys()].sort(), [...artefact.files.keys()].sort());
    for (const [file, bytes] of artefact.files)
      assert.deepEqual(Uint8Array.from(loaded.artefact.files.get(file) ?? []), bytes);
    assert.deepEqual(loaded.version, stored);
    assert.deepEqual(await registry.describe('load-forecast', stored.version), stored);
    assert.equal(stored.metadata.metrics['mae'], 0.125);
    assert.equal(stored.metadata.tags['dataset'], 'smd-nodes');
    assert.equal(stored.metadata.parameters['objective'], 'reg:absoluteerror');
  },
  'versions rise from 1 and older ones stay as they were': async ({ registry }) => {
    for (const seed of [1, 2, 3]) {
      const { version } = await registry.register(sampleArtefact(seed));
      assert.equal(version, seed);
    }
    const first = await registry.load('load-forecast', 1);

    assert.deepEqual(
      (await registry.list('load-forecast')).map(({ version }) => version),
      [1, 2, 3],
    );
    assert.deepEqual(
      Uint8Array.from(first.artefact.files.get('model.ubj') ?? []),
      sampleArtefact(1).files.get('model.ubj'),
    );
  },
  'registrations at the same time get different versions': async ({ registry }) => {
    const stored = await Promise.all([1, 2, 3, 4, 5].map((seed) => registry.register(sampleArtefact(seed))));

    assert.equal(new Set(stored.map(({ version }) => version)).size, 5);
    for (const { version, files } of stored)
      assert.deepEqual((await registry.describe('load-forecast', version)).files, files);
  },
  'an unknown model is an empty list, and not found when loaded': async ({ registry }) => {
    assert.deepEqual(await registry.list('placement'), []);
    assert.deepEqual(await registry.aliases('placement'), {});
    await assert.rejects(registry.load('placement', 'champion'), { code: 'MLS_TRAINING_MODEL_NOT_FOUND' });
    await assert.rejects(registry.load('placement', 1), { code: 'MLS_TRAINING_MODEL_NOT_FOUND' });
  },
  'a metric that is not finite is refused and nothing is stored': async ({ registry }) => {
    const attempt = registry.register(sampleArtefact(1), { metrics: { mae: Number.NaN } });

    await assert.rejects(attempt, { code: 'MLS_TRAINING_METRIC_INVALID' });
    assert.deepEqual(await registry.list('load-forecast'), []);
  },
};

const aliasChecks: Readonly<Record<string, Check>> = {
  'an alias leads to its version, and moving it back is a rollback': async ({ registry }) => {
    await registry.register(sampleArtefact(1));
    await registry.register(sampleArtefact(2));
    const champion = async (): Promise<number> =>
      (await registry.load('load-forecast', 'champion')).version.version;
    await registry.setAlias('load-forecast', 'champion', 1);
    assert.equal(await champion(), 1);
    await registry.setAlias('load-forecast', 'champion', 2);
    assert.equal(await champion(), 2);
    await registry.setAlias('load-forecast', 'champion', 1);
    assert.equal(await champion(), 1);
  },
  'latest is the newest version and no alias may take its name': async ({ registry }) => {
    await registry.register(sampleArtefact(1));
    const newest = await registry.register(sampleArtefact(2));

    assert.deepEqual(await registry.describe('load-forecast', 'latest'), newest);
    await assert.rejects(registry.setAlias('load-forecast', 'latest', 1), {
      code: 'MLS_TRAINING_NAME_INVALID',
    });
  },
  'aliases are listed and can be removed twice': async ({ registry }) => {
    await registry.register(sampleArtefact(1));
    await registry.setAlias('load-forecast', 'champion', 1);
    await registry.setAlias('load-forecast', 'challenger', 1);
    assert.deepEqual(await registry.aliases('load-forecast'), { challenger: 1, champion: 1 });
    await registry.removeAlias('load-forecast', 'challenger');
    await registry.removeAlias('load-forecast', 'challenger');
    assert.deepEqual(await registry.aliases('load-forecast'), { champion: 1 });
  },
  'an alias never leads to a version that is not there': async ({ registry }) => {
    await registry.register(sampleArtefact(1));

    await assert.rejects(registry.setAlias('load-forecast', 'champion', 7), {
      code: 'MLS_TRAINING_MODEL_NOT_FOUND',
    });
    assert.deepEqual(await registry.aliases('load-forecast'), {});
  },
  'a bad alias name is refused': async ({ registry }) => {
    await registry.register(sampleArtefact(1));
    for (const alias of ['', '../up', 'Champion', '3'])
      await assert.rejects(registry.setAlias('load-forecast', alias, 1), {
        code: 'MLS_TRAINING_NAME_INVALID',
      });
  },
};

const trackerChecks: Readonly<Record<string, Check>> = {
  'a run remembers parameters, tags and every metric with its step': async ({ tracker }) => {
    const run = await tracker.startRun({
      experiment: 'load-forecast',
      name: 'first',
      parameters: { depth: 6 },
      tags: { by: 'test' },
    });
    await run.logParameters({ eta: 0.1 });
    await run.logMetrics({ mae: 0.5, coverage: 0.9 }, 0);
    await run.logMetrics({ mae: 0.25 }, 1);
    await run.setTags({ protocol: 'time' });
    assert.equal((await tracker.getRun(run.runId)).status, 'running');
    await run.end('finished');
    const record = await tracker.getRun(run.runId);

    assert.equal(record.status, 'finished');
    assert.deepEqual({ ...record.parameters }, { depth: 6, eta: 0.1 });
    assert.equal(record.tags['by'], 'test');
    assert.equal(record.tags['protocol'], 'time');
    assert.deepEqual(record.metrics['mae'], [
      { step: 0, value: 0.5 },
      { step: 1, value: 0.25 },
    ]);
    assert.deepEqual(record.metrics['coverage'], [{ step: 0, value: 0.9 }]);
    assert.ok(record.endedAtMs !== undefined && record.endedAtMs >= record.startedAtMs);
  },
  'runs are listed by experiment': async ({ tracker }) => {
    const first = await tracker.startRun({ experiment: 'a', name: 'one' });
    await tracker.startRun({ experiment: 'b', name: 'other' });
    const second = await tracker.startRun({ experiment: 'a', name: 'two' });

    const listed = (await tracker.listRuns('a')).map(({ runId }) => runId);
    assert.deepEqual(listed.sort(), [first.runId, second.runId].sort());
    assert.deepEqual(await tracker.listRuns('never'), []);
  },
  'a parameter cannot change, an ended run cannot go on': async ({ tracker }) => {
    const run = await tracker.startRun({ experiment: 'a', name: 'one', parameters: { depth: 6 } });
    await run.logParameters({ depth: 6 });
    await assert.rejects(run.logParameters({ depth: 7 }), { code: 'MLS_TRAINING_RUN_CONFLICT' });
    await run.end('failed');
    await assert.rejects(run.logMetrics({ mae: 1 }), { code: 'MLS_TRAINING_RUN_CONFLICT' });
    await assert.rejects(run.end('finished'), { code: 'MLS_TRAINING_RUN_CONFLICT' });
    assert.equal((await tracker.getRun(run.runId)).status, 'failed');
  },
  'a metric of a run must be finite, and an unknown run is not found': async ({ tracker }) => {
    const run = await tracker.startRun({ experiment: 'a', name: 'one' });

    await assert.rejects(run.logMetrics({ mae: Number.POSITIVE_INFINITY }), {
      code: 'MLS_TRAINING_METRIC_INVALID',
    });
    await assert.rejects(tracker.getRun('f'.repeat(32)), { code: 'MLS_TRAINING_RUN_NOT_FOUND' });
    await assert.rejects(tracker.getRun('../../etc'), { code: 'MLS_TRAINING_RUN_NOT_FOUND' });
  },
};
