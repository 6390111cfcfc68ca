import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createRng } from '#kernel/rng';

import { loadPlacementModel, savePlacementModel } from './artefact.ts';
import type { PlacementModel } from './artefact.ts';
import { CONTEXT_COUNT, ROW_COUNT } from './features.ts';
import { initialParameters } from './network.ts';
import { createPlacementScorer, openPlacementSession } from './scorer.ts';

const shape = { inputs: ROW_COUNT, contextInputs: CONTEXT_COUNT, hidden: [16, 12], valueHidden: [8] };

function aModel(seed = 1): PlacementModel {
  const rng = createRng(seed);
  return {
    shape,
    parameters: initialParameters(shape, seed),
    normalisation: {
      mean: Float32Array.from({ length: ROW_COUNT }, () => rng.normal()),
      inverseSd: Float32Array.from({ length: ROW_COUNT }, () => 0.5 + rng.next()),
    },
    advantageError: 0.25,
  };
}

function someRows(count: number, seed = 2): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: count * ROW_COUNT }, () => rng.normal());
}

test('a saved policy loads to the same bits', () => {
  const model = aModel();

  assert.deepEqual(loadPlacementModel(savePlacementModel(model)), model);
  assert.deepEqual(
    savePlacementModel(loadPlacementModel(savePlacementModel(model))),
    savePlacementModel(model),
  );
});

test('the ONNX file and the TypeScript evaluator rank alike to float32 rounding', async () => {
  const artefact = savePlacementModel(aModel());
  const session = await openPlacementSession(artefact);
  const scorer = createPlacementScorer(loadPlacementModel(artefact));
  for (const count of [1, 2, 7, 300]) {
    const rows = someRows(count, count);
    // Context columns are equal in all rows of one decision.
    for (let i = 1; i < count; i++) {
      rows.copyWithin((i + 1) * ROW_COUNT - CONTEXT_COUNT, ROW_COUNT - CONTEXT_COUNT, ROW_COUNT);
    }
    const q = await session.score(rows, count);
    const scores = new Float64Array(count);
    scorer.score(rows, count, scores);
    const meanQ = q.reduce((sum, value) => sum + value, 0) / count;
    for (let i = 0; i < count; i++) {
      assert.ok(Math.abs((q[i] as number) - meanQ - (scores[i] as number)) < 1e-5);
    }
  }
  await session.close();
});

test('the order of the candidates does not matter', () => {
  const scorer = createPlacementScorer(aModel());
  const rows = someRows(5);
  const reversed = new Float32Array(rows.length);
  for (let i = 0; i < 5; i++)
    reversed.set(rows.subarray(i * ROW_COUNT, (i + 1) * ROW_COUNT), (4 - i) * ROW_COUNT);
  const straight = new Float64Array(5);
  const back = new Float64Array(5);
  scorer.score(rows, 5, straight);
  scorer.score(reversed, 5, back);

  for (let i = 0; i < 5; i++) assert.ok(Math.abs((straight[i] as number) - (back[4 - i] as number)) < 1e-6);
});

test('a NaN feature is refused by name', async () => {
  const session = await openPlacementSession(savePlacementModel(aModel()));
  const rows = someRows(2);
  rows[ROW_COUNT] = Number.NaN;

  await assert.rejects(session.score(rows, 2), /expectedAfter of candidate 1/);
  await session.close();
});

test('another schema, a missing file and damaged weights are refused', () => {
  const artefact = savePlacementModel(aModel());
  const refused = (name: string, content: Uint8Array | undefined): void => {
    const files = new Map(artefact.files);
    if (content === undefined) files.delete(name);
    else files.set(name, content);
    assert.throws(() => loadPlacementModel({ ...artefact, files }), {
      code: 'MLS_MODELS_PLACEMENT_ARTEFACT',
    });
  };
  const manifest = new TextDecoder().decode(artefact.files.get('placement.json'));
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

  refused('placement.json', encode(manifest.replace('"schemaVersion": "', '"schemaVersion": "0')));
  refused('placement.json', encode('{'));
  refused('placement.json', encode('{}'));
  refused('weights.f32', undefined);
  refused('weights.f32', artefact.files.get('weights.f32')?.subarray(0, 8));
  refused('weights.f32', artefact.files.get('weights.f32')?.slice().fill(255));
  assert.throws(() => loadPlacementModel({ ...artefact, model: 'node-anomaly' }), {
    code: 'MLS_MODELS_PLACEMENT_ARTEFACT',
  });
});
