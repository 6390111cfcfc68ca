import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { readPlacementData } from '#collect';
import { noProgress } from '#kernel/progress';
import { LEARNED_POLICIES } from '#models/ensemble';
import { PLACEMENT_SCHEMA_VERSION } from '#models/placement';
import { BASELINE_POLICIES, prepareScenario, runSimulation, selectTraces } from '#simulator';

import { placementConfig } from './placement-config.ts';
import type { PlacementTrainingConfig } from './placement-config.ts';
import { convergedAtEpisode } from './placement-curves.ts';
import { runPlacementLoop } from './placement-loop.ts';
import type { PlacementLoopOptions } from './placement-loop.ts';
import { loadScenario } from './simulate-scenarios.ts';
import { trainPlacement } from './train-placement.ts';

const SAMPLE = join(import.meta.dirname, '../../data/sample');
const folder = await mkdtemp(join(tmpdir(), 'mlsched-placement-'));
after(() => rm(folder, { recursive: true }));

const demo = placementConfig('demo');
const tiny: PlacementTrainingConfig = {
  ...demo,
  replay: { ...demo.replay, capacity: 3000 },
  episodes: 4,
  guidedEpisodes: 1,
  stepsPerEpisode: 10,
  scenarios: ['hydatis'],
  demandRatios: [0.6],
  warmUpMinutes: 120,
  measuredMinutes: 120,
  validation: {
    ...demo.validation,
    scenarios: ['hydatis'],
    demandRatios: [0.6],
    every: 2,
    warmUpMinutes: 120,
    measuredMinutes: 120,
  },
  checkpointEvery: 2,
};

async function loopOptions(overrides: Partial<PlacementLoopOptions> = {}): Promise<PlacementLoopOptions> {
  return {
    data: await readPlacementData(SAMPLE),
    scenarios: new Map([['hydatis', await loadScenario('hydatis')]]),
    config: tiny,
    seed: 3,
    artefacts: new Map(),
    checkpointDirectory: undefined,
    progress: noProgress,
    ...overrides,
  };
}

test('a training that is stopped and resumed ends with the same bits as one in a piece', async () => {
  const directory = join(folder, 'resume');
  const whole = await runPlacementLoop(await loopOptions());
  await runPlacementLoop(await loopOptions({ checkpointDirectory: directory, stopAfterEpisodes: 2 }));
  const resumed = await runPlacementLoop(await loopOptions({ checkpointDirectory: directory }));

  assert.deepEqual(resumed.curves, whole.curves);
  assert.deepEqual(resumed.artefact, whole.artefact);
});

test('a training that is killed goes on from its last checkpoint and ends with the same bits', async () => {
  const directory = join(folder, 'killed');
  const config = { ...tiny, episodes: 6 };
  const whole = await runPlacementLoop(await loopOptions({ config }));
  const options = JSON.stringify({ directory, config, seed: 3 });
  const victim = spawn(process.execPath, [join(import.meta.dirname, 'placement-crash.worker.ts'), options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(victim, 'close');
  for await (const chunk of victim.stdout) {
    if (String(chunk).includes('episode 3')) victim.kill('SIGKILL');
  }
  await closed;
  const left = await readdir(directory);
  const episodes: number[] = [];
  const resumed = await runPlacementLoop(
    await loopOptions({
      config,
      checkpointDirectory: directory,
      progress: { report: (done) => episodes.push(done) },
    }),
  );

  assert.equal(victim.signalCode, 'SIGKILL');
  assert.ok(left.includes('placement.checkpoint'));
  assert.ok((episodes[0] ?? 0) > 2, `began anew: ${episodes.join()}`);
  assert.deepEqual(resumed.curves, whole.curves);
  assert.deepEqual(resumed.artefact, whole.artefact);
});

test('a checkpoint that is damaged, of another seed or another schema is refused and left alone', async () => {
  const directory = join(folder, 'damaged');
  await runPlacementLoop(await loopOptions({ checkpointDirectory: directory, stopAfterEpisodes: 2 }));
  const file = join(directory, 'placement.checkpoint');
  const content = await readFile(file);

  const refusal = { code: 'MLS_TRAINING_CHECKPOINT' };
  await assert.rejects(
    runPlacementLoop(await loopOptions({ checkpointDirectory: directory, seed: 4 })),
    refusal,
  );
  const text = content.toString('latin1');
  const schema = `"schemaVersion":"${PLACEMENT_SCHEMA_VERSION}"`;
  assert.ok(text.includes(schema));
  await writeFile(file, Buffer.from(text.replace(schema, '"schemaVersion":"0"'), 'latin1'));
  await assert.rejects(runPlacementLoop(await loopOptions({ checkpointDirectory: directory })), refusal);
  await writeFile(file, content.subarray(0, content.length - 5));
  await assert.rejects(runPlacementLoop(await loopOptions({ checkpointDirectory: directory })), refusal);
  await writeFile(file, 'x');
  await assert.rejects(runPlacementLoop(await loopOptions({ checkpointDirectory: directory })), refusal);
  assert.equal((await readFile(file)).toString(), 'x');
});

test('a short training on two scenarios already places better than random', async () => {
  const { artefact, curves } = await trainPlacement({
    seed: 1,
    budget: 'demo',
    overrides: {
      ...tiny,
      episodes: 12,
      guidedEpisodes: 3,
      stepsPerEpisode: 60,
      scenarios: ['hydatis', 'burst-100'],
      validation: { ...tiny.validation, every: 6 },
    },
    progress: noProgress,
  });
  const traces = selectTraces(await readPlacementData(SAMPLE), 'test');
  const scenario = { ...(await loadScenario('hydatis')), warmUpMinutes: 240, measuredMinutes: 300 };
  let ours = 0;
  let random = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const prepared = prepareScenario(scenario, traces, seed, 0.6);
    const mlsched = LEARNED_POLICIES['mlsched'];
    const rival = BASELINE_POLICIES['random'];
    assert.ok(mlsched !== undefined && rival !== undefined);
    const artefacts = new Map([['placement', artefact]]);
    ours += runSimulation({ ...prepared, policy: mlsched, artefacts }).objective;
    random += runSimulation({ ...prepared, policy: rival }).objective;
  }

  assert.equal(curves.episodes.length, 12);
  assert.ok(ours < random, `${ours} against ${random}`);
});

test('convergence is the first validation after which none is more than 5 % off the best', () => {
  const point = (episode: number, objectiveToStock: number) => ({
    episode,
    objectiveToStock,
    regret: 0,
    advantageError: 0,
  });

  assert.equal(convergedAtEpisode([point(10, 0.9), point(20, 0.7), point(30, 0.71)]), 20);
  assert.equal(convergedAtEpisode([point(10, 0.7), point(20, 0.9), point(30, 0.71)]), 30);
  assert.equal(convergedAtEpisode([]), -1);
});
