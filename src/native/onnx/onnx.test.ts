import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { createOnnxGraph, createSession, floatTensor, integerTensor } from '#native';
import type { OnnxDimension, OnnxGraph, OnnxTensor, OnnxValue } from '#native';

/** Builds a graph of one output, runs it and returns what came out. */
async function evaluate(
  build: (graph: OnnxGraph) => OnnxValue,
  feeds: Readonly<Record<string, OnnxTensor>>,
  shape: readonly OnnxDimension[],
): Promise<OnnxTensor> {
  const graph = createOnnxGraph('test');
  graph.output('out', build(graph), shape);
  await using session = await createSession(graph.toBytes());
  const results = await session.run(feeds);
  return results['out'] as OnnxTensor;
}

const f = (...values: number[]): Float32Array => Float32Array.from(values);
const matrix = f(1, -2, 3, -4, 5, -6);

interface Case {
  readonly name: string;
  readonly build: (graph: OnnxGraph, x: OnnxValue) => OnnxValue;
  readonly expected: readonly number[];
  readonly shape: readonly number[];
}

/** Each is worked out by hand for x = [[1, -2, 3], [-4, 5, -6]]. */
const cases: readonly Case[] = [
  { name: 'relu', build: (g, x) => g.relu(x), expected: [1, 0, 3, 0, 5, 0], shape: [2, 3] },
  { name: 'abs', build: (g, x) => g.abs(x), expected: [1, 2, 3, 4, 5, 6], shape: [2, 3] },
  {
    name: 'sign',
    build: (g, x) => g.sign(g.relu(x)),
    expected: [1, 0, 1, 0, 1, 0],
    shape: [2, 3],
  },
  { name: 'sqrt', build: (g, x) => g.sqrt(g.mul(x, x)), expected: [1, 2, 3, 4, 5, 6], shape: [2, 3] },
  {
    name: 'add, a row to each row',
    build: (g, x) => g.add(x, g.constant('row', f(10, 20, 30), [3])),
    expected: [11, 18, 33, 6, 25, 24],
    shape: [2, 3],
  },
  {
    name: 'sub',
    build: (g, x) => g.sub(x, g.scalar(1)),
    expected: [0, -3, 2, -5, 4, -7],
    shape: [2, 3],
  },
  {
    name: 'mul, a column to each column',
    build: (g, x) => g.mul(x, g.constant('column', f(2, -1), [2, 1])),
    expected: [2, -4, 6, 4, -5, 6],
    shape: [2, 3],
  },
  {
    name: 'div',
    build: (g, x) => g.div(x, g.scalar(2)),
    expected: [0.5, -1, 1.5, -2, 2.5, -3],
    shape: [2, 3],
  },
  { name: 'clip', build: (g, x) => g.clip(x, -2.5, 2), expected: [1, -2, 2, -2.5, 2, -2.5], shape: [2, 3] },
  {
    name: 'min of three',
    build: (g, x) => g.min(x, g.scalar(4), g.abs(x)),
    expected: [1, -2, 3, -4, 4, -6],
    shape: [2, 3],
  },
  {
    name: 'max of three',
    build: (g, x) => g.max(x, g.scalar(-3), g.sub(x, g.scalar(1))),
    expected: [1, -2, 3, -3, 5, -3],
    shape: [2, 3],
  },
  {
    name: 'sum of three',
    build: (g, x) => g.sum(x, x, x),
    expected: [3, -6, 9, -12, 15, -18],
    shape: [2, 3],
  },
  { name: 'sum of all elements', build: (g, x) => g.reduceSum(x), expected: [-3], shape: [] },
  {
    name: 'sum over rows',
    build: (g, x) => g.reduceSum(x, { axes: [0] }),
    expected: [-3, 3, -3],
    shape: [3],
  },
  {
    name: 'mean over columns, axis kept',
    build: (g, x) => g.reduceMean(x, { axes: [1], keepDimensions: true }),
    expected: [2 / 3, -5 / 3],
    shape: [2, 1],
  },
  {
    name: 'sum of squares over columns',
    build: (g, x) => g.reduceSumSquare(x, { axes: [-1] }),
    expected: [14, 77],
    shape: [2],
  },
  { name: 'sum of all squares', build: (g, x) => g.reduceSumSquare(x), expected: [91], shape: [] },
  {
    name: 'the largest of each row by its index',
    build: (g, x) => g.gatherElements(x, g.argMax(x, 1, true), 1),
    expected: [3, 5],
    shape: [2, 1],
  },
  {
    name: 'gather by constant indices along rows',
    build: (g, x) => g.gatherElements(x, g.constant('i', BigInt64Array.of(1n, 0n, 1n), [1, 3]), 0),
    expected: [-4, -2, -6],
    shape: [1, 3],
  },
  {
    name: 'reshape with one length left open',
    build: (g, x) => g.reshape(x, [3, -1]),
    expected: [1, -2, 3, -4, 5, -6],
    shape: [3, 2],
  },
  {
    name: 'concat of columns',
    build: (g, x) => g.concat([x, g.constant('c', f(7, 8), [2, 1])], 1),
    expected: [1, -2, 3, 7, -4, 5, -6, 8],
    shape: [2, 4],
  },
  {
    name: 'expand of a column',
    build: (g, x) => g.expand(g.reduceSum(x, { axes: [1], keepDimensions: true }), [2, 2]),
    expected: [2, 2, -5, -5],
    shape: [2, 2],
  },
  {
    name: 'gemm: x w + b',
    build: (g, x) =>
      g.gemm(x, g.constant('w', f(1, 0, 0, 1, 2, 2), [3, 2]), g.constant('b', f(100, 200), [2])),
    expected: [1 + 6 + 100, -2 + 6 + 200, -4 - 12 + 100, 5 - 12 + 200],
    shape: [2, 2],
  },
  {
    name: "gemm: x' g, as a gradient of weights",
    build: (g, x) => g.gemm(x, g.constant('g', f(1, 2), [2, 1]), undefined, { transposeA: true }),
    expected: [-7, 8, -9],
    shape: [3, 1],
  },
  {
    name: "gemm: 0.5 x w' + 2 b",
    build: (g, x) =>
      g.gemm(x, g.constant('w', f(2, 0, 2), [1, 3]), g.scalar(1), {
        transposeB: true,
        alpha: 0.5,
        beta: 2,
      }),
    expected: [6, -8],
    shape: [2, 1],
  },
  {
    name: 'an operation without a method of its own',
    build: (g, x) => g.node('Softmax', [g.mul(x, g.scalar(0))], { axis: 1 }),
    expected: [1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3],
    shape: [2, 3],
  },
];

describe('operations against numbers worked by hand', () => {
  for (const { name, build, expected, shape } of cases) {
    test(name, async () => {
      const feeds = { x: floatTensor(matrix, [2, 3]) };
      const result = await evaluate((graph) => build(graph, graph.input('x', [2, 3])), feeds, shape);

      assert.deepEqual(result.dims, shape);
      assert.deepEqual(result.data, Float32Array.from(expected));
    });
  }

  test('argMax alone is int64 and takes the first of equals', async () => {
    const graph = createOnnxGraph('test');
    graph.output('out', graph.argMax(graph.input('x', [2, 3]), 1), [2], 'int64');
    await using session = await createSession(graph.toBytes());
    const { out } = await session.run({ x: floatTensor(f(5, 1, 5, 0, 2, 2), [2, 3]) });

    assert.deepEqual(out?.data, BigInt64Array.of(0n, 1n));
  });
});

test('a symbolic dimension takes batches of any size', async () => {
  const graph = createOnnxGraph('scores');
  const weights = graph.constant('w', f(1, 10), [2, 1]);
  graph.output('score', graph.gemm(graph.input('x', ['batch', 2]), weights), ['batch', 1]);
  await using session = await createSession(graph.toBytes());

  for (const rows of [1, 3, 500]) {
    const x = Float32Array.from({ length: rows * 2 }, (_, i) => i);
    const { score } = await session.run({ x: floatTensor(x, [rows, 2]) });
    assert.deepEqual(score?.dims, [rows, 1]);
    assert.equal(score?.data[rows - 1], 2 * (rows - 1) + 10 * (2 * (rows - 1) + 1));
  }
});

test('outputs of one run feed the next: gradient descent by a graph finds the minimum', async () => {
  // w <- w - 0.1 * 2 (w - 3); the minimum of (w - 3)^2 is 3.
  const graph = createOnnxGraph('descent');
  const w = graph.input('w', [1]);
  const gradient = graph.mul(graph.sub(w, graph.scalar(3)), graph.scalar(2));
  graph.output('next', graph.sub(w, graph.mul(gradient, graph.scalar(0.1))), [1]);
  await using session = await createSession(graph.toBytes());
  let tensor = floatTensor(f(-5), [1]);

  for (let step = 0; step < 80; step++) tensor = (await session.run({ w: tensor }))['next'] as OnnxTensor;

  assert.ok(Math.abs(Number(tensor.data[0]) - 3) < 1e-5);
});

test('integer inputs choose elements', async () => {
  const graph = createOnnxGraph('pick');
  const chosen = graph.gatherElements(
    graph.input('q', ['n', 3]),
    graph.input('action', ['n', 1], 'int64'),
    1,
  );
  graph.output('value', chosen, ['n', 1]);
  await using session = await createSession(graph.toBytes());
  const { value } = await session.run({
    q: floatTensor(f(1, 2, 3, 4, 5, 6), [2, 3]),
    action: integerTensor(BigInt64Array.of(2n, 0n), [2, 1]),
  });

  assert.deepEqual(value?.data, f(3, 4));
});

test('only the outputs asked for come back; names are as given', async () => {
  const graph = createOnnxGraph('two');
  const x = graph.input('x', [1]);
  graph.output('same', x, [1]);
  graph.output('double', graph.add(x, x), [1]);
  await using session = await createSession(graph.toBytes());

  assert.deepEqual([session.inputNames, session.outputNames], [['x'], ['same', 'double']]);
  const results = await session.run({ x: floatTensor(f(4), [1]) }, ['double']);
  assert.deepEqual(Object.keys(results), ['double']);
  assert.equal(results['double']?.data[0], 8);
});

test('the same graph gives the same bytes', () => {
  const build = (): Uint8Array => {
    const graph = createOnnxGraph('g', { schemaVersion: '1' });
    graph.output('y', graph.relu(graph.input('x', ['n'])), ['n']);
    return graph.toBytes();
  };

  assert.deepEqual(build(), build());
  assert.ok(Buffer.from(build()).includes('schemaVersion'));
});

test('what cannot be a graph is refused while it is built', () => {
  const graph = createOnnxGraph('bad');
  const other = createOnnxGraph('other');
  const x = graph.input('x', [1]);
  const code = { code: 'MLS_NATIVE_ONNX_GRAPH' };

  assert.throws(() => graph.constant('x', f(1), [1]), code);
  assert.throws(() => graph.constant('w', f(1, 2), [3]), code);
  assert.throws(() => graph.add(x, other.input('y', [1])), code);
  assert.throws(() => graph.toBytes(), code);
});

test('bytes that are no model, wrong shapes and missing inputs are refused with one line', async () => {
  const graph = createOnnxGraph('g');
  graph.output('y', graph.relu(graph.input('x', [2])), [2]);
  const bytes = graph.toBytes();
  await using session = await createSession(bytes);
  const refusal = (error: Error): boolean => {
    assert.equal((error as Error & { code: string }).code, 'MLS_NATIVE_ONNX_FAILED');
    assert.doesNotMatch(error.message, /\n/);
    return true;
  };

  await assert.rejects(createSession(bytes.slice(0, bytes.length / 2)), refusal);
  await assert.rejects(createSession(new Uint8Array(0)), refusal);
  await assert.rejects(session.run({ x: floatTensor(f(1), [1]) }), refusal);
  await assert.rejects(session.run({}), refusal);
  await assert.rejects(session.run({ x: integerTensor(BigInt64Array.of(1n, 2n), [2]) }), refusal);
});

test('a released session says so', async () => {
  const graph = createOnnxGraph('g');
  graph.output('y', graph.relu(graph.input('x', [1])), [1]);
  const session = await createSession(graph.toBytes());
  await session.release();

  await assert.rejects(session.run({ x: floatTensor(f(1), [1]) }), { code: 'MLS_NATIVE_FREED' });
  await assert.rejects(session.release(), { code: 'MLS_NATIVE_FREED' });
});
