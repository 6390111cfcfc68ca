import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createRng } from '#kernel/rng';

import { createBatch } from './learner.ts';
import { ReplayMemory } from './replay.ts';
import type { ReplayConfig } from './replay.ts';

const config: ReplayConfig = {
  capacity: 8,
  candidates: 2,
  columns: 1,
  steps: 3,
  gamma: 0.5,
  priorityExponent: 0,
};

function memoryOf(rewards: readonly number[], options: Partial<ReplayConfig> = {}): ReplayMemory {
  const memory = new ReplayMemory({ ...config, ...options }, 64);
  rewards.forEach((reward, i) => {
    memory.add({
      rows: Float32Array.of(i, -i),
      count: 2,
      reward,
      guide: new Float32Array(2),
      guideWeight: 1,
    });
  });
  return memory;
}

function batchOf(size: number) {
  const shape = { inputs: 1, contextInputs: 1, hidden: [1], valueHidden: [1] };
  return createBatch({ shape, batch: size, candidates: 2, clipNorm: 1, targetRate: 0 });
}

test('rewards are summed over the steps and discounted to the state after them', () => {
  const memory = memoryOf([1, 2, 4, 8, 16]);
  memory.endEpisode();
  const batch = batchOf(64);
  memory.draw(batch, createRng(1), 0);

  for (let b = 0; b < 64; b++) {
    const start = batch.states[b * 2] as number;
    const expected = [1 + 1 + 1, 2 + 2 + 2, 4 + 4 + 4, 8 + 8, 16][start];
    assert.equal(batch.reward[b], expected);
    const hasNext = start < 2;
    assert.equal(batch.discount[b], hasNext ? 0.125 : 0);
    if (hasNext) assert.equal(batch.nextStates[b * 2], start + 3);
  }
});

test('an episode never borrows from the next one, and the oldest decisions make room', () => {
  const memory = memoryOf([1, 1, 1]);
  memory.endEpisode();
  for (let i = 3; i < 10; i++) {
    memory.add({
      rows: Float32Array.of(i, -i),
      count: 2,
      reward: 100,
      guide: new Float32Array(2),
      guideWeight: 1,
    });
  }
  const batch = batchOf(64);
  memory.draw(batch, createRng(2), 0);

  assert.equal(memory.size, 8);
  for (let b = 0; b < 64; b++) {
    const start = batch.states[b * 2] as number;
    assert.ok(start >= 2);
    if (start === 2) assert.deepEqual([batch.reward[b], batch.discount[b]], [1, 0]);
  }
});

test('decisions with larger errors are drawn more often, and weigh less', () => {
  const memory = memoryOf([0, 0, 0, 0], { priorityExponent: 1 });
  const batch = batchOf(64);
  const rng = createRng(3);
  memory.draw(batch, rng, 1);
  memory.reportErrors(Float32Array.from({ length: 64 }, (_, b) => (batch.states[b * 2] === 2 ? 3 : 0.5)));
  let drawn = 0;
  for (let round = 0; round < 20; round++) {
    memory.draw(batch, rng, 1);
    for (let b = 0; b < 64; b++) {
      if (batch.states[b * 2] !== 2) continue;
      drawn++;
      assert.ok((batch.weight[b] as number) < 0.3);
    }
  }

  assert.ok(Math.abs(drawn / 1280 - 3.01 / (3.01 + 3 * 0.51)) < 0.06, `${drawn / 1280}`);
});
