import assert from 'node:assert/strict';

import type { ModelArtefact } from '#domain';
import { isMlschedError, messageOf } from '#kernel/errors';
import { createRng } from '#kernel/rng';

import type { ModelUnderCheck } from './types.ts';

/** One rule and how to find a breach of it; `run` rejects with an AssertionError. */
export interface ModelCheck {
  readonly sentence: string;
  run<Model>(subject: ModelUnderCheck<Model>): Promise<void>;
}

/** The rules that every model keeps, in the order in which they are run. */
export const modelChecks: readonly ModelCheck[] = [
  { sentence: 'the same seed gives the same bytes', run: checkSeed },
  { sentence: 'saved and loaded it predicts the same bits', run: checkRoundTrip },
  { sentence: 'saving twice gives the same bytes, also after loading', run: checkStableBytes },
  { sentence: 'a batch predicts what its rows predict one by one', run: checkBatch },
  { sentence: 'predicting twice gives the same bits and changes no input', run: checkPurity },
  { sentence: 'every prediction is finite, for extreme rows too', run: checkFinite },
  { sentence: 'no rows give no predictions', run: checkNoRows },
  { sentence: 'NaN in a row follows the declared policy', run: checkNan },
  { sentence: 'rows of the wrong width are refused', run: checkWidth },
  { sentence: 'artefacts of another schema version or model are refused', run: checkSchema },
  { sentence: 'missing, empty, cut and overwritten files are refused', run: checkCorrupt },
  { sentence: 'a flipped byte is refused or harmless, never a crash or a NaN', run: checkFlippedBytes },
];

async function withModel<Model>(
  subject: ModelUnderCheck<Model>,
  open: () => Promise<Model>,
  use: (model: Model) => Promise<void>,
): Promise<void> {
  const model = await open();
  try {
    await use(model);
  } finally {
    await subject.free?.(model);
  }
}

function withFitted<Model>(
  subject: ModelUnderCheck<Model>,
  use: (model: Model) => Promise<void>,
): Promise<void> {
  return withModel(subject, () => subject.fit(1), use);
}

async function fitAndSave<Model>(subject: ModelUnderCheck<Model>, seed: number): Promise<ModelArtefact> {
  let artefact: ModelArtefact | undefined;
  await withModel(
    subject,
    () => subject.fit(seed),
    async (model) => {
      artefact = await subject.save(model);
    },
  );
  assert.ok(artefact !== undefined && artefact.files.size > 0, 'the artefact has no file');
  return artefact;
}

async function predict<Model>(
  subject: ModelUnderCheck<Model>,
  model: Model,
  rows: Float32Array,
): Promise<Float64Array> {
  return Float64Array.from(await subject.predict(model, rows));
}

function rowCount(subject: ModelUnderCheck<unknown>): number {
  const rows = subject.rows.length / subject.featureCount;
  assert.ok(Number.isInteger(rows) && rows >= 4, `the subject brings ${rows} rows, needs 4 whole ones`);
  return rows;
}

/** Plain bytes: a Buffer and a Uint8Array of the same bytes must compare equal. */
function contentOf(artefact: ModelArtefact): Record<string, unknown> {
  const files = [...artefact.files].map(([name, bytes]) => [name, Uint8Array.from(bytes)] as const);
  return {
    model: artefact.model,
    schemaVersion: artefact.schemaVersion,
    files: Object.fromEntries(files.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

async function checkSeed<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  const first = contentOf(await fitAndSave(subject, 1));

  assert.equal(first['schemaVersion'], subject.schemaVersion);
  assert.deepEqual(contentOf(await fitAndSave(subject, 1)), first, 'two fits with one seed differ');
  if (subject.dependsOnSeed === false) return;
  assert.notDeepEqual(contentOf(await fitAndSave(subject, 2)), first, 'the seed changes nothing');
}

async function checkRoundTrip<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  await withFitted(subject, async (model) => {
    const expected = await predict(subject, model, subject.rows);
    const artefact = await subject.save(model);
    await withModel(
      subject,
      () => subject.load(copyOf(artefact)),
      async (loaded) => assert.deepEqual(await predict(subject, loaded, subject.rows), expected),
    );
  });
}

/** Copies each file to an odd offset of a larger buffer, as files read from a disk or a socket may lie. */
function copyOf(artefact: ModelArtefact): ModelArtefact {
  const files = [...artefact.files].map(([name, bytes]) => {
    const room = new Uint8Array(bytes.length + 3);
    room.set(bytes, 3);
    return [name, room.subarray(3)] as const;
  });
  return { ...artefact, files: new Map(files) };
}

async function checkStableBytes<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  await withFitted(subject, async (model) => {
    const artefact = await subject.save(model);
    assert.deepEqual(contentOf(await subject.save(model)), contentOf(artefact));
    await withModel(
      subject,
      () => subject.load(artefact),
      async (loaded) => assert.deepEqual(contentOf(await subject.save(loaded)), contentOf(artefact)),
    );
  });
}

async function checkBatch<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  const rows = rowCount(subject);
  await withFitted(subject, async (model) => {
    const whole = await predict(subject, model, subject.rows);
    const width = whole.length / rows;
    assert.ok(Number.isInteger(width) && width >= 1, `${whole.length} predictions for ${rows} rows`);
    for (let row = 0; row < rows; row++) {
      const one = subject.rows.slice(row * subject.featureCount, (row + 1) * subject.featureCount);
      assert.deepEqual(
        await predict(subject, model, one),
        whole.slice(row * width, (row + 1) * width),
        `row ${row} alone differs`,
      );
    }
  });
}

async function checkPurity<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  const rows = subject.rows.slice();
  await withFitted(subject, async (model) => {
    const before = contentOf(await subject.save(model));
    const first = await predict(subject, model, rows);

    assert.deepEqual(await predict(subject, model, rows), first);
    assert.deepEqual(rows, subject.rows, 'predicting wrote into its input');
    assert.deepEqual(contentOf(await subject.save(model)), before, 'predicting changed the model');
  });
}

async function checkFinite<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  const extremes = [0, 1, -1, 1e6, -1e6, 1e9, -1e9];
  const rows = Float32Array.from(
    { length: extremes.length * subject.featureCount },
    (_, i) => extremes[Math.floor(i / subject.featureCount)] as number,
  );
  await withFitted(subject, async (model) => {
    for (const batch of [subject.rows, rows])
      assert.ok((await predict(subject, model, batch)).every(Number.isFinite), 'a prediction is not finite');
  });
}

async function checkNoRows<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  await withFitted(subject, async (model) => {
    assert.equal((await predict(subject, model, new Float32Array(0))).length, 0);
  });
}

/** One value missing in row 1, all of them in row 3; rows 0 and 2 must not notice. */
async function checkNan<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  const width = subject.featureCount;
  const rows = subject.rows.slice(0, 4 * width);
  rows[width] = Number.NaN;
  rows.fill(Number.NaN, 3 * width, 4 * width);
  await withFitted(subject, async (model) => {
    if (subject.nanPolicy === 'refused') {
      await assertRefused(() => subject.predict(model, rows), 'a row with NaN');
      return;
    }
    const predicted = await predict(subject, model, rows);
    const clean = await predict(subject, model, subject.rows.slice(0, 4 * width));
    const outputs = predicted.length / 4;
    const expectFinite = subject.nanPolicy === 'finite';
    for (const row of [1, 3])
      for (const value of predicted.slice(row * outputs, (row + 1) * outputs))
        assert.equal(Number.isFinite(value), expectFinite, `row ${row} with NaN predicts ${value}`);
    for (const row of [0, 2])
      assert.deepEqual(
        predicted.slice(row * outputs, (row + 1) * outputs),
        clean.slice(row * outputs, (row + 1) * outputs),
        `NaN in other rows changed row ${row}`,
      );
  });
}

async function checkWidth<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  // One number too many is no whole row, unless a row is one number.
  if (subject.featureCount === 1) return;
  await withFitted(subject, async (model) => {
    const rows = new Float32Array(subject.featureCount + 1);
    await assertRefused(() => subject.predict(model, rows), 'a row that is too wide');
  });
}

async function checkSchema<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  const artefact = await fitAndSave(subject, 1);
  const other = artefact.model === 'placement' ? 'node-anomaly' : 'placement';

  for (const schemaVersion of [`${subject.schemaVersion}0`, 'other', ''])
    await assertRefusedToLoad(subject, { ...artefact, schemaVersion }, `schema version "${schemaVersion}"`);
  await assertRefusedToLoad(subject, { ...artefact, model: other }, `an artefact of ${other}`);
}

async function checkCorrupt<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  const artefact = await fitAndSave(subject, 1);
  for (const [name, bytes] of artefact.files) {
    const without = new Map(artefact.files);
    without.delete(name);
    await assertRefusedToLoad(subject, { ...artefact, files: without }, `a missing ${name}`);
    const damages: readonly (readonly [string, Uint8Array])[] = [
      ['empty', new Uint8Array(0)],
      ['cut in half', bytes.slice(0, Math.floor(bytes.length / 2))],
      ['cut by one byte', bytes.slice(0, -1)],
      ['overwritten by zeros', new Uint8Array(bytes.length)],
    ];
    for (const [how, damaged] of damages) {
      const files = new Map([...artefact.files, [name, damaged]]);
      await assertRefusedToLoad(subject, { ...artefact, files }, `${name} ${how}`);
    }
  }
}

const FLIPS_A_FILE = 40;

async function checkFlippedBytes<Model>(subject: ModelUnderCheck<Model>): Promise<void> {
  const artefact = await fitAndSave(subject, 1);
  const rng = createRng(5);
  for (const [name, bytes] of artefact.files)
    for (let flip = 0; flip < FLIPS_A_FILE; flip++) {
      const damaged = Uint8Array.from(bytes);
      const at = rng.int(bytes.length);
      damaged[at] = (damaged[at] as number) ^ (1 + rng.int(255));
      const files = new Map([...artefact.files, [name, damaged]]);
      await assertRefusedOrFinite(subject, { ...artefact, files }, `${name} with byte ${at} changed`);
    }
}

async function assertRefusedOrFinite<Model>(
  subject: ModelUnderCheck<Model>,
  artefact: ModelArtefact,
  what: string,
): Promise<void> {
  try {
    await withModel(
      subject,
      () => subject.load(artefact),
      async (model) => {
        const predicted = await predict(subject, model, subject.rows);
        assert.ok(!predicted.some(Number.isNaN), `${what} predicts NaN without a word`);
      },
    );
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert.ok(isMlschedError(error), `${what} throws a bare ${messageOf(error)}`);
  }
}

async function assertRefusedToLoad<Model>(
  subject: ModelUnderCheck<Model>,
  artefact: ModelArtefact,
  what: string,
): Promise<void> {
  await assertRefused(() => withModel(subject, () => subject.load(artefact), doNothing), what);
}

async function doNothing(): Promise<void> {
  await Promise.resolve();
}

/** A refusal is an error of ours with a code: a bare TypeError is a crash that happened to be caught. */
async function assertRefused(attempt: () => Promise<unknown>, what: string): Promise<void> {
  let thrown: unknown;
  try {
    await attempt();
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown !== undefined, `${what} is accepted`);
  assert.ok(isMlschedError(thrown), `${what} throws a bare error: ${messageOf(thrown)}`);
}
