import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createSession, floatTensor } from '#native';
import type { OnnxTensor } from '#native';
import { createRng } from '#kernel/rng';

import { createBatch, createLearner, initialLearnerState } from './learner.ts';
import type { LearnerConfig, LearnerState, TrainingBatch } from './learner.ts';
import { createEvaluator, parameterSpecs } from './network.ts';
import { ReplayMemory } from './replay.ts';
import { buildTrainingGraph } from './training-graph.ts';

const config: LearnerConfig = {
  shape: { inputs: 5, contextInputs: 2, hidden: [6, 4], valueHidden: [3] },
  batch: 3,
  candidates: 4,
  clipNorm: 1e9,
  targetRate: 0.01,
};

function randomBatch(seed: number): TrainingBatch {
  const rng = createRng(seed);
  const batch = createBatch(config);
  const { shape, candidates } = config;
  for (const rows of [batch.states, batch.nextStates]) {
    for (let i = 0; i < rows.length; i++) rows[i] = rng.normal();
  }
  // Context is the same in each row of a state.
  for (const rows of [batch.states, batch.nextStates]) {
    for (let i = 0; i < config.batch * candidates; i++) {
      const first = Math.floor(i / candidates) * candidates * shape.inputs;
      for (let c = 3; c < 5; c++) rows[i * shape.inputs + c] = rows[first + c] as number;
    }
  }
  batch.mask.set([1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0]);
  batch.nextMask.set([1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 0, 0]);
  batch.reward.set([0.3, -0.2, 0.1]);
  batch.discount.set([0.9, 0.81, 0]);
  batch.weight.set([1, 0.5, 0.7]);
  batch.guideWeight.set([1, 2, 0.5]);
  for (let i = 0; i < batch.guide.length; i++) batch.guide[i] = 0.3 * rng.normal();
  return batch;
}

/** The loss in float64, written from the definition and independent of the graph. */
function lossOf(
  parameters: Map<string, Float64Array>,
  target: Map<string, Float64Array>,
  batch: TrainingBatch,
): number {
  const { shape, candidates } = config;
  const net = (
    weights: Map<string, Float64Array>,
    name: string,
    input: number[],
    sizes: number[],
  ): number => {
    let x = input;
    sizes.forEach((outputs, layer) => {
      const w = weights.get(`${name}.${layer}.weight`) as Float64Array;
      const b = weights.get(`${name}.${layer}.bias`) as Float64Array;
      const next = Array.from({ length: outputs }, (_, o) =>
        x.reduce((sum, value, i) => sum + value * (w[i * outputs + o] as number), b[o] as number),
      );
      x = layer < sizes.length - 1 ? next.map((value) => Math.max(0, value)) : next;
    });
    return x[0] as number;
  };
  const row = (rows: Float32Array, i: number): number[] => [
    ...rows.subarray(i * shape.inputs, (i + 1) * shape.inputs),
  ];
  const centred = (
    weights: Map<string, Float64Array>,
    rows: Float32Array,
    mask: Float32Array,
    b: number,
  ): number[] => {
    const kept = Array.from({ length: candidates }, (_, k) => b * candidates + k).filter(
      (i) => mask[i] === 1,
    );
    const values = kept.map((i) => net(weights, 'advantage', row(rows, i), [...shape.hidden, 1]));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return values.map((value) => value - mean);
  };
  const value = (weights: Map<string, Float64Array>, rows: Float32Array, b: number): number =>
    net(weights, 'value', row(rows, b * candidates).slice(-shape.contextInputs), [...shape.valueHidden, 1]);
  const huber = (error: number): number =>
    Math.abs(error) <= 1 ? (error * error) / 2 : Math.abs(error) - 0.5;
  let loss = 0;
  for (let b = 0; b < config.batch; b++) {
    // The target is a constant of the loss: computed from the frozen start.
    const online = centred(frozen, batch.nextStates, batch.nextMask, b);
    const best = online.indexOf(Math.max(...online));
    const next =
      value(target, batch.nextStates, b) +
      (centred(target, batch.nextStates, batch.nextMask, b)[best] as number);
    const goal = (batch.reward[b] as number) + (batch.discount[b] as number) * next;
    const advantages = centred(parameters, batch.states, batch.mask, b);
    const q = value(parameters, batch.states, b) + (advantages[0] as number);
    loss += ((batch.weight[b] as number) * 0.8 * huber(q - goal)) / config.batch;
    advantages.forEach((advantage, k) => {
      const distance = huber(advantage - (batch.guide[b * candidates + k] as number));
      loss += ((batch.guideWeight[b] as number) * 0.6 * distance) / advantages.length / config.batch;
    });
  }
  return loss;
}
let frozen: Map<string, Float64Array>;

test('gradients agree with finite differences of the loss', async () => {
  const state = initialLearnerState(config.shape, 5);
  const rng = createRng(9);
  // Larger weights than at the start, so that no layer is near zero, and a target net of its own.
  for (const [name, values] of state.tensors) {
    if (name.startsWith('moment')) continue;
    for (let i = 0; i < values.length; i++) values[i] = 0.5 * rng.normal();
  }
  const batch = randomBatch(4);
  const gradients = await gradientsOf(state, batch);
  const parameters = doubles(state, '');
  const target = doubles(state, 'target.');
  frozen = doubles(state, '');

  for (const { name } of parameterSpecs(config.shape)) {
    const values = parameters.get(name) as Float64Array;
    const gradient = gradients.get(name) as Float32Array;
    for (let i = 0; i < values.length; i++) {
      const kept = values[i] as number;
      values[i] = kept + 1e-6;
      const up = lossOf(parameters, target, batch);
      values[i] = kept - 1e-6;
      const down = lossOf(parameters, target, batch);
      values[i] = kept;
      const expected = (up - down) / 2e-6;
      assert.ok(
        Math.abs(expected - (gradient[i] as number)) < 1e-4 * Math.max(1, Math.abs(expected)),
        `${name}[${i}]: ${gradient[i]} against ${expected}`,
      );
    }
  }
});

function doubles(state: LearnerState, prefix: string): Map<string, Float64Array> {
  return new Map(
    parameterSpecs(config.shape).map(({ name }) => [
      name,
      Float64Array.from(state.tensors.get(prefix + name) ?? []),
    ]),
  );
}

async function gradientsOf(state: LearnerState, batch: TrainingBatch): Promise<Map<string, Float32Array>> {
  const { shape, batch: size, candidates } = config;
  await using session = await createSession(buildTrainingGraph({ ...config, exposeGradients: true }));
  const feeds: Record<string, OnnxTensor> = {};
  const dims = new Map(parameterSpecs(shape).map((spec) => [spec.name, spec.dims]));
  for (const [name, values] of state.tensors) {
    feeds[name] = floatTensor(values, dims.get(name.replace(/^(moment[12]|target)\./, '')) ?? []);
  }
  for (const name of ['states', 'nextStates'] as const) {
    feeds[name] = floatTensor(batch[name], [size * candidates, shape.inputs]);
  }
  for (const name of ['mask', 'nextMask', 'guide'] as const)
    feeds[name] = floatTensor(batch[name], [size, candidates]);
  for (const name of ['reward', 'discount', 'weight', 'guideWeight'] as const) {
    feeds[name] = floatTensor(batch[name], [size, 1]);
  }
  const scalars = { qRate: 0.8, guideRate: 0.6, stepSize: 0.001, correction2: 0.001 };
  for (const [name, value] of Object.entries(scalars)) feeds[name] = floatTensor(Float32Array.of(value), []);
  const outputs = await session.run(feeds);
  return new Map([...dims.keys()].map((name) => [name, outputs[`gradient.${name}`]?.data as Float32Array]));
}

test('the same batches give the same weights bit for bit, also over a stop and restart', async () => {
  const straight = await createLearner(config, initialLearnerState(config.shape, 2));
  const first = await createLearner(config, initialLearnerState(config.shape, 2));
  const rates = { learningRate: 1e-2, qRate: 1, guideRate: 1 };
  for (let step = 0; step < 6; step++) await straight.step(randomBatch(step), rates);
  for (let step = 0; step < 3; step++) await first.step(randomBatch(step), rates);
  const second = await createLearner(config, first.state());
  for (let step = 3; step < 6; step++) await second.step(randomBatch(step), rates);

  assert.deepEqual(second.state(), straight.state());
  await Promise.all([straight.close(), first.close(), second.close()]);
});

test('a state of another network is refused', async () => {
  const other = initialLearnerState({ ...config.shape, hidden: [7, 4] }, 2);

  await assert.rejects(createLearner(config, other), { code: 'MLS_MODELS_PLACEMENT_STATE' });
});

test('Q-learning finds the rewarded action from rewards alone: the identity task', async () => {
  // State: 4 candidates, one carries a mark; choosing it pays 1, any other 0. No guide.
  const learner = await createLearner({ ...config, batch: 32 }, initialLearnerState(config.shape, 3));
  const memory = new ReplayMemory(
    { capacity: 2000, candidates: 4, columns: 5, steps: 1, gamma: 0.5, priorityExponent: 0.6 },
    32,
  );
  const rng = createRng(6);
  const draw = (): Float32Array => {
    const rows = new Float32Array(20);
    const marked = rng.int(4);
    for (let k = 0; k < 4; k++) rows.set([k === marked ? 1 : 0, rng.next() - 0.5, 0, 0.2, 0.2], k * 5);
    return rows;
  };
  for (let i = 0; i < 1500; i++) {
    const rows = draw();
    const reward = rows[0] === 1 ? 1 : 0;
    memory.add({ rows, count: 4, reward, guide: new Float32Array(4), guideWeight: 0 });
  }
  const batch = createBatch({ ...config, batch: 32 });
  for (let step = 0; step < 400; step++) {
    memory.draw(batch, rng, 0.5);
    memory.reportErrors((await learner.step(batch, { learningRate: 5e-3, qRate: 1, guideRate: 0 })).tdError);
  }
  const evaluator = createEvaluator(config.shape, learner.parameters());
  const out = new Float32Array(4);
  for (let i = 0; i < 50; i++) {
    const rows = draw();
    evaluator.advantages(rows, 4, out);
    assert.equal(rows[out.indexOf(Math.max(...out)) * 5], 1);
  }
  await learner.close();
});
