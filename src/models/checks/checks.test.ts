import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MlschedError } from '#kernel/errors';
import { createRng } from '#kernel/rng';
import { checkModel } from '#models/checks';
import type { ModelUnderCheck } from '#models/checks';

import { modelChecks } from './checks.ts';

/** A linear model of three weights in float64 behind a checksum: the smallest model that keeps every rule. */
interface Linear {
  readonly weights: Float64Array;
}

const FEATURES = 3;

function refuse(reason: string): MlschedError {
  return new MlschedError('MLS_MODELS_TEST', reason, { kind: 'invalid-input' });
}

function sumOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte, i) => (sum + byte * (i + 1)) % 251, 7);
}

function predictLinear(model: Linear, rows: Float32Array): Float64Array {
  if (rows.length % FEATURES !== 0) throw refuse('wrong width');
  return Float64Array.from({ length: rows.length / FEATURES }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < FEATURES; i++)
      sum += (model.weights[i] as number) * (rows[row * FEATURES + i] as number);
    return sum;
  });
}

const sound: ModelUnderCheck<Linear> = {
  name: 'a linear model',
  schemaVersion: '3',
  rows: Float32Array.from({ length: 6 * FEATURES }, (_, i) => Math.sin(i)),
  featureCount: FEATURES,
  nanPolicy: 'unknown',
  fit: async (seed) => {
    const rng = createRng(seed);
    return Promise.resolve({ weights: Float64Array.from({ length: FEATURES }, () => rng.normal()) });
  },
  save: async ({ weights }) => {
    const bytes = new Uint8Array(weights.buffer.slice(0));
    const files = new Map([['weights.f64', Uint8Array.of(...bytes, sumOf(bytes))]]);
    return Promise.resolve({ model: 'load-forecast', schemaVersion: '3', files });
  },
  load: async ({ model, schemaVersion, files }) => {
    if (model !== 'load-forecast' || schemaVersion !== '3') throw refuse('another model or schema');
    const bytes = files.get('weights.f64');
    if (bytes?.length !== 8 * FEATURES + 1) throw refuse('wrong length');
    const content = Uint8Array.from(bytes.subarray(0, -1));
    if (sumOf(content) !== bytes.at(-1)) throw refuse('wrong sum');
    return Promise.resolve({ weights: new Float64Array(content.buffer) });
  },
  predict: async (model, rows) => Promise.resolve(predictLinear(model, rows)),
};

checkModel(sound);

type Fault = Partial<ModelUnderCheck<Linear>>;

let fits = 0;
let predictions = 0;
/** One fault for each rule, in its order. */
const faults: Readonly<Record<string, Fault>> = {
  'the same seed gives the same bytes': {
    fit: async (seed) => sound.fit(seed + 1000 * fits++),
  },
  'saved and loaded it predicts the same bits': {
    load: async (artefact) => {
      const { weights } = await sound.load(artefact);
      return { weights: weights.map(Math.fround) };
    },
  },
  'saving twice gives the same bytes, also after loading': {
    save: async (model) => {
      const artefact = await sound.save(model);
      return {
        ...artefact,
        files: new Map([...artefact.files, ['saved-at', Uint8Array.of(fits++ % 256)]]),
      };
    },
  },
  'a batch predicts what its rows predict one by one': {
    predict: async (model, rows) => {
      const predicted = predictLinear(model, rows);
      const centre = predicted.reduce((sum, value) => sum + value, 0) / predicted.length;
      return Promise.resolve(predicted.map((value) => value - centre));
    },
  },
  'predicting twice gives the same bits and changes no input': {
    predict: async (model, rows) =>
      Promise.resolve(predictLinear(model, rows).map((value) => value + predictions++)),
  },
  'every prediction is finite, for extreme rows too': {
    predict: async (model, rows) =>
      Promise.resolve(predictLinear(model, rows).map((value) => Math.exp(value))),
  },
  'no rows give no predictions': {
    predict: async (model, rows) =>
      Promise.resolve(rows.length === 0 ? Float64Array.of(0) : predictLinear(model, rows)),
  },
  'NaN in a row follows the declared policy': { nanPolicy: 'finite' },
  'rows of the wrong width are refused': {
    predict: async (model, rows) =>
      Promise.resolve(predictLinear(model, rows.slice(0, rows.length - (rows.length % FEATURES)))),
  },
  'artefacts of another schema version or model are refused': {
    load: async (artefact) => sound.load({ ...artefact, schemaVersion: '3' }),
  },
  'missing, empty, cut and overwritten files are refused': {
    load: async (artefact) => {
      if (artefact.files.size === 0) throw new TypeError('cannot read properties of undefined');
      return sound.load(artefact);
    },
  },
  'a flipped byte is refused or harmless, never a crash or a NaN': {
    load: async (artefact) => {
      const bytes = artefact.files.get('weights.f64') as Uint8Array;
      const content = Uint8Array.from(bytes.subarray(0, -1));
      const isSound = sumOf(content) === bytes.at(-1);
      const weights = isSound
        ? new Float64Array(content.buffer)
        : new Float64Array(FEATURES).fill(Number.NaN);
      return Promise.resolve({ weights });
    },
  },
};

for (const check of modelChecks) {
  test(`the rule "${check.sentence}" finds a fault that is planted`, async () => {
    const fault = faults[check.sentence];
    assert.ok(fault !== undefined, 'plant a fault for this rule');

    await assert.rejects(check.run({ ...sound, ...fault }), assert.AssertionError);
  });
}

test('each NaN policy is checked in both directions', async () => {
  const rule = modelChecks.find(({ sentence }) => sentence.startsWith('NaN'));
  const zeroForNaN: Fault = {
    predict: async (model, rows) =>
      Promise.resolve(
        predictLinear(
          model,
          rows.map((value) => value || 0),
        ),
      ),
  };
  const refusing: Fault = {
    predict: async (model, rows) => {
      if (rows.some(Number.isNaN)) throw refuse('NaN');
      return Promise.resolve(predictLinear(model, rows));
    },
  };

  await rule?.run({ ...sound, ...zeroForNaN, nanPolicy: 'finite' });
  await rule?.run({ ...sound, ...refusing, nanPolicy: 'refused' });
  await assert.rejects(async () => rule?.run({ ...sound, ...zeroForNaN }), assert.AssertionError);
  await assert.rejects(async () => rule?.run({ ...sound, nanPolicy: 'refused' }), assert.AssertionError);
});
