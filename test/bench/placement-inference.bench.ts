/**
 * Time to score the candidates of one decision, in ONNX Runtime (one thread) and in plain TypeScript, in one run.
 * The bar is 5,000 candidates in 5 ms. Prints one JSON document and writes its section of
 * docs/reference/benchmarks.md.
 */
import { createRng } from '#kernel/rng';
import { quantile } from '#kernel/stats';
import {
  CONTEXT_COUNT,
  ROW_COUNT,
  createPlacementScorer,
  identityNormalisation,
  initialLearnerState,
  loadPlacementModel,
  openPlacementSession,
  savePlacementModel,
} from '#models/placement';

import { publishSection } from './publish.ts';

const COUNTS = [24, 500, 1000, 5000];
const REPEATS = 200;

const shape = { inputs: ROW_COUNT, contextInputs: CONTEXT_COUNT, hidden: [64, 48], valueHidden: [24] };
const artefact = savePlacementModel({
  shape,
  parameters: initialLearnerState(shape, 1).tensors,
  normalisation: identityNormalisation(ROW_COUNT),
  advantageError: 0,
});

function someRows(count: number): Float32Array {
  const rng = createRng(count);
  return Float32Array.from({ length: count * ROW_COUNT }, () => rng.normal());
}

async function timeMs(run: () => Promise<unknown> | void, repeats: number): Promise<Float64Array> {
  const times = new Float64Array(repeats);
  for (let i = -10; i < repeats; i++) {
    const began = performance.now();
    await run();
    if (i >= 0) times[i] = performance.now() - began;
  }
  return times;
}

const session = await openPlacementSession(artefact);
const scorer = createPlacementScorer(loadPlacementModel(artefact));
const results = [];
for (const count of COUNTS) {
  const rows = someRows(count);
  const out = new Float64Array(count);
  const onnx = await timeMs(() => session.score(rows, count), REPEATS);
  const script = await timeMs(() => scorer.score(rows, count, out), 40);
  results.push({
    candidates: count,
    onnxMedianMs: quantile(onnx, 0.5),
    onnxP99Ms: quantile(onnx, 0.99),
    typescriptMedianMs: quantile(script, 0.5),
  });
}
await session.close();

publishSection({
  id: '41-placement-inference',
  title: 'Placement network: time to score the candidates of one decision',
  command: 'node test/bench/placement-inference.bench.ts',
  method: `Network ${ROW_COUNT}-${shape.hidden.join('-')}-1 with random weights on random rows, one thread, features ready. ONNX Runtime serves; the TypeScript evaluator of the same weights is what a simulated run uses.`,
  tables: [
    {
      caption: 'Milliseconds a decision',
      columns: ['candidates', 'ONNX Runtime, median', 'ONNX Runtime, p99', 'TypeScript, median'],
      rows: results.map((row) => [
        row.candidates,
        row.onnxMedianMs.toFixed(3),
        row.onnxP99Ms.toFixed(3),
        row.typescriptMedianMs.toFixed(3),
      ]),
    },
  ],
  notes: ['Bar: 5,000 candidates in at most 5 ms.'],
});
process.stdout.write(`${JSON.stringify(results)}\n`);
