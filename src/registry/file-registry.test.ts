import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { createRng } from '#kernel/rng';

import { describeRegistryContract, sampleArtefact } from './contract.ts';
import { loadModelFolder, openFileRegistry } from './file-registry.ts';
import { openFileTracker } from './file-tracker.ts';

async function makeHome(t?: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'mlsched-registry-'));
  t?.after(() => rm(home, { recursive: true, force: true }));
  return home;
}

describeRegistryContract('the file registry', async () => {
  const home = await makeHome();
  return {
    registry: openFileRegistry({ home: join(home, 'models') }),
    tracker: openFileTracker({ home: join(home, 'runs') }),
    close: () => rm(home, { recursive: true, force: true }),
  };
});

test('a changed, cut or missing file is corrupt, by name, and the other versions still load', async (t) => {
  const home = await makeHome(t);
  const registry = openFileRegistry({ home });
  await registry.register(sampleArtefact(1));
  await registry.register(sampleArtefact(2));
  const folder = join(home, 'load-forecast/versions/2');
  const damages: Readonly<Record<string, () => Promise<void>>> = {
    'model.ubj': () => appendFile(join(folder, 'model.ubj'), 'x'),
    'settings.json': () => rename(join(folder, 'settings.json'), join(folder, 'elsewhere')),
    'manifest.json': () => writeFile(join(folder, 'manifest.json'), '{"model":'),
  };
  for (const [file, damage] of Object.entries(damages)) {
    const before = await readFile(join(folder, file));
    await damage();
    await assert.rejects(registry.load('load-forecast', 2), (error: Error & { code: string }) => {
      assert.equal(error.code, 'MLS_TRAINING_MODEL_CORRUPT');
      assert.ok(error.message.includes(join(folder, file)), error.message);
      return true;
    });
    await writeFile(join(folder, file), before);
    assert.equal((await registry.load('load-forecast', 1)).version.version, 1);
  }
  assert.equal((await registry.load('load-forecast', 2)).version.version, 2);
});

test('every single flipped byte of a stored file is noticed', async (t) => {
  const home = await makeHome(t);
  const registry = openFileRegistry({ home });
  await registry.register(sampleArtefact(1));
  const path = join(home, 'load-forecast/versions/1/model.ubj');
  const intact = await readFile(path);
  for (let at = 0; at < intact.length; at += 53) {
    const bytes = Buffer.from(intact);
    bytes[at] = (bytes[at] as number) ^ 1;
    await writeFile(path, bytes);
    await assert.rejects(registry.load('load-forecast', 'latest'), { code: 'MLS_TRAINING_MODEL_CORRUPT' });
  }
});

test('a version without a manifest does not exist, and its number is not used again', async (t) => {
  const home = await makeHome(t);
  const registry = openFileRegistry({ home });
  await registry.register(sampleArtefact(1));
  await rm(join(home, 'load-forecast/versions/1/manifest.json'));

  assert.deepEqual(await registry.list('load-forecast'), []);
  await assert.rejects(registry.load('load-forecast', 1), { code: 'MLS_TRAINING_MODEL_NOT_FOUND' });
  assert.equal((await registry.register(sampleArtefact(2))).version, 2);
});

test('a registration that fails leaves nothing behind', async (t) => {
  const home = await makeHome(t);
  const registry = openFileRegistry({ home });
  // Longer than a file system takes.
  const files = new Map([...sampleArtefact(1).files, ['a'.repeat(300), new Uint8Array(1)]]);

  await assert.rejects(registry.register({ ...sampleArtefact(1), files }));
  assert.deepEqual(await readdir(join(home, 'load-forecast/versions')), []);
});

test('file names that could leave the folder are refused', async (t) => {
  const registry = openFileRegistry({ home: await makeHome(t) });
  for (const name of ['../escape', 'a/b', '', 'manifest.json', '.hidden'])
    await assert.rejects(
      registry.register({ ...sampleArtefact(1), files: new Map([[name, new Uint8Array(1)]]) }),
      { code: 'MLS_TRAINING_NAME_INVALID' },
    );
});

test('a damaged alias is corrupt, not unknown', async (t) => {
  const home = await makeHome(t);
  const registry = openFileRegistry({ home });
  await registry.register(sampleArtefact(1));
  await registry.setAlias('load-forecast', 'champion', 1);
  await writeFile(join(home, 'load-forecast/aliases/champion.json'), '');

  await assert.rejects(registry.load('load-forecast', 'champion'), { code: 'MLS_TRAINING_MODEL_CORRUPT' });
});

test('a copied version folder loads from where it is', async (t) => {
  const home = await makeHome(t);
  await openFileRegistry({ home }).register(sampleArtefact(5));
  await rename(join(home, 'load-forecast/versions/1'), join(home, 'copy'));

  assert.deepEqual(
    Uint8Array.from((await loadModelFolder(join(home, 'copy'))).artefact.files.get('model.ubj') ?? []),
    sampleArtefact(5).files.get('model.ubj'),
  );
  await assert.rejects(loadModelFolder(join(home, 'nothing')), { code: 'MLS_TRAINING_MODEL_CORRUPT' });
});

test('whatever moment the process is killed at, all versions load and the alias leads to one', async (t) => {
  const home = await makeHome(t);
  const registry = openFileRegistry({ home });
  const rng = createRng(3);
  let interrupted = 0;
  for (let kill = 0; kill < 15; kill++) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'crash.worker.ts'), home], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await sleep(rng.next() * 20);
    child.kill('SIGKILL');
    await exited;
    const versions = await registry.list('load-forecast');
    for (const { version, metadata } of versions) {
      const { artefact } = await registry.load('load-forecast', version);
      const expected = sampleArtefact(Number(metadata.tags['seed']));
      assert.deepEqual(
        Uint8Array.from(artefact.files.get('model.ubj') ?? []),
        expected.files.get('model.ubj'),
      );
    }
    await registry.load('load-forecast', 'champion');
    interrupted += (await readdir(join(home, 'load-forecast/versions'))).length - versions.length;
  }
  assert.ok(interrupted > 0, 'no kill hit a registration: the test proves nothing');
});

test('a metric line that was cut off is left out', async (t) => {
  const home = await makeHome(t);
  const tracker = openFileTracker({ home });
  const run = await tracker.startRun({ experiment: 'a', name: 'killed' });
  await run.logMetrics({ mae: 1 }, 0);
  await appendFile(join(home, run.runId, 'metrics.jsonl'), '{"metric":"mae","st');
  const record = await tracker.getRun(run.runId);

  assert.deepEqual(record.metrics['mae'], [{ step: 0, value: 1 }]);
  assert.deepEqual([record.status, record.endedAtMs], ['running', undefined]);
});
