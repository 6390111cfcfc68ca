import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { readLoadSeries } from '#collect';
import type { ModelArtefact, RawLoadSeries } from '#domain';
import { openXgboost, xgboostAvailability } from '#native';
import { fitAnomalyModel, saveAnomalyModel } from '#models/anomaly';
import { loadModelFolder } from '#registry';

import { loadTrainingData } from '../train-anomaly.ts';
import { anomalyGates } from './anomaly-gates.ts';
import { forecastGates } from './forecast-gates.ts';
import type { Gate } from './gate.ts';
import { placementGates } from './placement-gates.ts';

const root = resolve(import.meta.dirname, '../../..');
const SAMPLE = join(root, 'data/sample');
const starter = async (name: string): Promise<ModelArtefact> =>
  (await loadModelFolder(join(root, 'data/starter-models', name))).artefact;

/** Two machines, ten days: enough to judge, quick. */
async function latestLoad(): Promise<RawLoadSeries[]> {
  const series = await readLoadSeries(join(SAMPLE, 'smd-nodes'));
  return series
    .filter(({ machine }) => ['machine-2-4', 'machine-3-5'].includes(machine))
    .map((raw) => {
      const from = Math.max(0, raw.timesMs.length - 10 * 24 * 60);
      return {
        ...raw,
        timesMs: raw.timesMs.subarray(from),
        cpuUsageRatio: raw.cpuUsageRatio.subarray(from),
        ...(raw.memoryUsageRatio === undefined
          ? {}
          : { memoryUsageRatio: raw.memoryUsageRatio.subarray(from) }),
      };
    });
}

interface Tree {
  readonly left_children: number[];
  readonly split_conditions: number[];
  readonly base_weights: number[];
}

/** The same model with every leaf of its boosters changed; the files stay valid models of XGBoost. */
function withLeaves(artefact: ModelArtefact, change: (leaf: number) => number): ModelArtefact {
  return mapBoosters(artefact, (text) => {
    const document = JSON.parse(text) as {
      learner: { gradient_booster: { model: { trees: Tree[] } } };
    };
    for (const { left_children: left, split_conditions: conditions } of document.learner.gradient_booster
      .model.trees)
      for (const [node, child] of left.entries())
        if (child === -1) conditions[node] = change(conditions[node] as number);
    return JSON.stringify(document);
  });
}

function mapBoosters(artefact: ModelArtefact, change: (json: string) => string): ModelArtefact {
  const files = [...artefact.files].map(([name, bytes]): [string, Uint8Array] => {
    if (!name.endsWith('.ubj')) return [name, bytes];
    using booster = openXgboost().loadBooster(bytes);
    return [name, new TextEncoder().encode(change(new TextDecoder().decode(booster.save('json'))))];
  });
  return { ...artefact, files: new Map(files) };
}

function failed(gates: readonly Gate[]): string[] {
  return gates.filter(({ isPassed }) => !isPassed).map(({ name }) => name);
}

const skip = xgboostAvailability().kind === 'available' ? false : 'libxgboost is not there';

describe('a bad model is never promoted', { skip }, () => {
  test('the good forecast passes, beside itself as champion', async () => {
    const good = await starter('load-forecast');
    const gates = await forecastGates(await latestLoad(), good, good, 1);
    assert.deepEqual(failed(gates), [], JSON.stringify(gates, null, 1));
    assert.equal(gates.find(({ name }) => name === 'no-worse-than-champion')?.measured, 1);
  });

  const leaves: Readonly<Record<string, (leaf: number) => number>> = {
    constant: () => 0,
    inverted: (leaf) => -leaf,
    'far too sure of itself': (leaf) => 20 * leaf,
    'not a number': () => Number.MAX_VALUE,
  };
  for (const [kind, change] of Object.entries(leaves))
    test(`a forecast that is ${kind} is refused`, async () => {
      const good = await starter('load-forecast');
      const gates = await forecastGates(await latestLoad(), withLeaves(good, change), good, 1);
      assert.notDeepEqual(failed(gates), []);
    });

  test('a forecast whose file is cut is refused with the reason, and nothing is thrown', async () => {
    const good = await starter('load-forecast');
    const cut = new Map([...good.files].map(([name, bytes]) => [name, bytes.slice(0, bytes.length / 2)]));
    const gates = await forecastGates(await latestLoad(), { ...good, files: cut }, undefined, 1);
    assert.deepEqual(failed(gates), ['works']);
    assert.match(gates[0]?.meaning ?? '', /fails: /);
  });

  test('the good health model passes; one without its files is refused', async () => {
    const series = await latestLoad();
    const good = await starter('node-anomaly');
    const gates = await anomalyGates(series, good);
    assert.deepEqual(failed(gates), [], JSON.stringify(gates, null, 1));
    assert.notDeepEqual(failed(await anomalyGates(series, { ...good, files: new Map() })), []);
  });

  test('a health model that learned from idle machines, or never reacts, is refused', async () => {
    const series = await latestLoad();
    const { metricNames, stepSeconds, spans } = loadTrainingData(series);
    // Six machines, so that the model takes a deviation larger than any of theirs for unheard of.
    const idle = fitAnomalyModel(
      [...spans, ...spans, ...spans].map(({ rows }) => ({
        rows: rows.map((_, i) => 0.5 + 1e-5 * Math.sin(i)),
      })),
      { metricNames, stepSeconds, seed: 1, incidentsPerNodeMonth: 0.5 },
    );
    const ofIdle = await anomalyGates(series, saveAnomalyModel(idle));
    assert.ok(failed(ofIdle).includes('finds-ordinary-load-healthy'), JSON.stringify(ofIdle, null, 1));
    const deaf = {
      ...idle,
      alertStrength: 1e9,
      shiftLevel: 1e9,
      largestDeviations: Float64Array.of(1e9, 1e9),
    };
    assert.ok(failed(await anomalyGates(series, saveAnomalyModel(deaf))).includes('sees-hard-faults'));
  });

  test('the good placement passes; one with inverted taste is refused', async () => {
    const artefacts = new Map<string, ModelArtefact>();
    for (const name of ['load-forecast', 'node-anomaly', 'placement'])
      artefacts.set(name, await starter(name));
    const options = {
      dataDirectory: SAMPLE,
      scenario: 'hydatis',
      seeds: 2,
      progress: { report: () => undefined },
    };
    const gates = await placementGates(artefacts, undefined, options);
    assert.deepEqual(
      failed(gates).filter((name) => name !== 'fast-enough'),
      [],
      JSON.stringify(gates, null, 1),
    );
    const good = artefacts.get('placement') as ModelArtefact;
    const weights = good.files.get('weights.f32') ?? new Uint8Array();
    const inverted = Float32Array.from(
      new Float32Array(weights.buffer.slice(weights.byteOffset, weights.byteOffset + weights.byteLength)),
      (weight) => -weight,
    );
    const files = new Map(good.files).set('weights.f32', new Uint8Array(inverted.buffer));
    const bad = new Map(artefacts).set('placement', { ...good, files });
    assert.ok(failed(await placementGates(bad, artefacts, options)).length > 0);
  });
});
