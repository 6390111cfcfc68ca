import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { ModelArtefact } from '../../src/domain/index.ts';
import { createEnsemblePolicy } from '../../src/models/ensemble/index.ts';
import { aClusterView, aPod } from '../../src/models/placement/view-fixture.ts';
import { loadModelFolder } from '../../src/registry/index.ts';

const STARTER = join(resolve(import.meta.dirname, '../..'), 'data/starter-models');

async function starters(): Promise<Map<string, ModelArtefact>> {
  const artefacts = new Map<string, ModelArtefact>();
  for (const name of ['load-forecast', 'placement', 'node-anomaly'])
    artefacts.set(name, (await loadModelFolder(join(STARTER, name))).artefact);
  return artefacts;
}

test('a service that has just started, with no past at all, does not choose a node that runs hot', async () => {
  const cpuRatio = [0.97, 0.2, 0.5, 0.93];
  const view = aClusterView({ nodes: 4, cpuRatio, memoryRatio: [0.4, 0.4, 0.4, 0.4] });
  const policy = createEnsemblePolicy({ name: 'mlsched', context: { artefacts: await starters() } });
  policy.prepare?.(view);
  const all = Int32Array.of(0, 1, 2, 3);
  const decision = policy.explain(aPod({ uid: 1 }), view, all, 4);

  assert.equal(decision.kind, 'scored');
  if (decision.kind !== 'scored') return;
  const scoreOf = (node: number) => decision.candidates[node]?.parts.forecast;
  assert.equal(scoreOf(0)?.kind, 'scored', 'the load of now stands in for the forecast');
  assert.ok(['node-1', 'node-2'].includes(decision.chosen.node), JSON.stringify(decision.candidates));
});

test('a node whose load is not known stays unknown: nothing stands in for it', async () => {
  const view = aClusterView({ nodes: 3, cpuRatio: [Number.NaN, 0.2, 0.5] });
  const policy = createEnsemblePolicy({ name: 'mlsched', context: { artefacts: await starters() } });
  policy.prepare?.(view);
  const decision = policy.explain(aPod({ uid: 1 }), view, Int32Array.of(0, 1, 2), 3);

  assert.ok(decision.kind === 'scored');
  assert.equal(decision.candidates[0]?.parts.forecast.kind, 'unknown');
  assert.equal(decision.candidates[1]?.parts.forecast.kind, 'scored');
});
