import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import type { ModelArtefact } from '#domain';
import {
  CONTEXT_COUNT,
  ROW_COUNT,
  createOutlook,
  createUsageProfile,
  forecastIndex,
  identityNormalisation,
  initialLearnerState,
  openPlacementSession,
  savePlacementModel,
  unknownSignals,
} from '#models/placement';
import type { NodeSignals } from '#models/placement';

import { aClusterView, aPod } from '../placement/view-fixture.ts';
import { DEFAULT_FORECAST_RISK, scoreForecast } from './forecast-part.ts';
import type { SignalSource } from './node-signals.ts';
import { LEARNED_POLICIES } from './policies.ts';
import { DEFAULT_ENSEMBLE_CONFIG, createEnsemblePolicy } from './policy.ts';

const NODES = 4;
const CANDIDATES = Int32Array.of(0, 1, 2, 3);

/** Forecasts with these medians at every horizon and a 90 % interval of +- 0.1. */
function forecastsOf(medians: readonly number[], health = 1): NodeSignals {
  const signals = unknownSignals(NODES);
  medians.forEach((median, node) => {
    for (let horizon = 0; horizon < 4; horizon++) {
      [median - 0.1, median, median + 0.1].forEach((value, level) => {
        signals.cpuForecastRatio[forecastIndex(node, horizon, level as 0 | 1 | 2)] = value;
      });
    }
  });
  signals.health.fill(health);
  return signals;
}

function sourceOf(signals: NodeSignals): SignalSource {
  return { refresh: () => signals };
}

function placementModel(): ModelArtefact {
  const shape = { inputs: ROW_COUNT, contextInputs: CONTEXT_COUNT, hidden: [8], valueHidden: [4] };
  return savePlacementModel({
    shape,
    parameters: initialLearnerState(shape, 1).tensors,
    normalisation: identityNormalisation(ROW_COUNT),
    advantageError: 0.1,
  });
}

test('more forecast load never raises the score of a node', () => {
  const ratio = fc.double({ min: 0, max: 1, noNaN: true });
  const view = aClusterView({ nodes: NODES });
  const outlook = createOutlook(createUsageProfile());
  outlook.profile.observe(view);
  outlook.refresh(view);
  const scoresOf = (medians: readonly number[]): Float64Array => {
    const out = new Float64Array(NODES);
    const input = {
      view,
      pod: aPod(),
      outlook,
      signals: forecastsOf(medians),
      candidates: CANDIDATES,
      count: NODES,
    };
    scoreForecast(input, DEFAULT_FORECAST_RISK, out);
    return out;
  };
  fc.assert(
    fc.property(fc.array(ratio, { minLength: NODES, maxLength: NODES }), ratio, (medians, rise) => {
      const before = scoresOf(medians);
      const after = scoresOf([(medians[0] as number) + rise, ...medians.slice(1)]);
      // Forecasts are float32: a rise below their resolution may round the other way.
      assert.ok((after[0] as number) <= (before[0] as number) + 1e-6);
      for (const score of before) assert.ok(score >= 0 && score <= 1);
    }),
  );
});

test('forecast alone sends the pod to the node with the least expected load', () => {
  const view = aClusterView({ nodes: NODES });
  const policy = createEnsemblePolicy({
    name: 'test',
    context: { artefacts: new Map() },
    signals: sourceOf(forecastsOf([0.7, 0.5, 0.2, 0.6])),
  });
  policy.prepare?.(view);

  assert.equal(policy.choose(aPod(), view, CANDIDATES, NODES), 2);
});

test('a node that has not told its capacity leaves the scores of the others as they are', () => {
  const sound = aClusterView({ nodes: NODES });
  const view = aClusterView({ nodes: NODES });
  view.nodes.cpuCapacityMillicores[3] = 0;
  view.nodes.cpuAllocatableMillicores[3] = 0;
  const decide = (of: typeof view, count: number) => {
    const policy = createEnsemblePolicy({
      name: 'test',
      context: { artefacts: new Map([['placement', placementModel()]]) },
      signals: sourceOf(forecastsOf([0.7, 0.5, 0.2, 0.1])),
    });
    policy.prepare?.(of);
    const decision = policy.explain(aPod(), of, CANDIDATES, count);
    assert.ok(decision.kind === 'scored');
    return decision;
  };
  const forecasts = (count: number, of: typeof view) =>
    decide(of, count)
      .candidates.slice(0, 3)
      .map(({ parts }) => parts.forecast);

  assert.equal(decide(view, NODES).chosen.node, 'node-2');
  assert.deepEqual(forecasts(NODES, view), forecasts(3, sound));
});

test('an unhealthy node loses to an equal healthy one', () => {
  const signals = forecastsOf([0.5, 0.5, 0.5, 0.5]);
  signals.health.set([0.1, 0.2, 0.9, 0.3]);
  const view = aClusterView({ nodes: NODES });
  const policy = createEnsemblePolicy({
    name: 'test',
    context: { artefacts: new Map() },
    signals: sourceOf(signals),
  });
  policy.prepare?.(view);

  assert.equal(policy.choose(aPod(), view, CANDIDATES, NODES), 2);
});

test('every set of missing models gives a choice or an abstention, never a crash', () => {
  const view = aClusterView({ nodes: NODES, cpuRatio: [0.1, Number.NaN, 0.5, 0.9] });
  for (const hasModel of [false, true]) {
    const artefacts = new Map(hasModel ? [['placement', placementModel()] as const] : []);
    for (const [name, factory] of Object.entries(LEARNED_POLICIES)) {
      const policy = factory({ seed: 1, artefacts, future: undefined });
      policy.prepare?.(view);
      policy.onScrape?.(view);
      const chosen = policy.choose(aPod(), view, CANDIDATES, NODES);
      assert.equal(policy.name, name);
      assert.ok(chosen >= -1 && chosen < NODES);
      const needsPlacement = hasModel && (name === 'mlsched' || name.includes('placement'));
      assert.equal(chosen >= 0, needsPlacement || (hasModel && name === 'mlsched-shuffled-forecast'), name);
    }
  }
});

test('a decision can be explained: the record agrees with the choice', () => {
  const view = aClusterView({ nodes: NODES, cpuRatio: [0.3, 0.6, 0.2, 0.7] });
  const policy = createEnsemblePolicy({
    name: 'mlsched',
    context: { artefacts: new Map([['placement', placementModel()]]) },
    signals: sourceOf(forecastsOf([0.3, 0.6, 0.2, 0.7])),
  });
  policy.prepare?.(view);
  const chosen = policy.choose(aPod(), view, CANDIDATES, NODES);
  const decision = policy.explain(aPod(), view, CANDIDATES, NODES);

  assert.ok(decision.kind === 'scored');
  assert.equal(decision.chosen.node, `node-${chosen}`);
  assert.equal(decision.candidates.length, NODES);
  assert.ok(decision.margin >= 0 && decision.runnerUp !== undefined);
  assert.ok(
    decision.chosen.parts.forecast.kind === 'scored' && decision.chosen.parts.placement.kind === 'scored',
  );
});

test('a burst of one workload spreads although the metrics do not show it yet', () => {
  const policy = createEnsemblePolicy({
    name: 'test',
    context: { artefacts: new Map() },
    signals: sourceOf(forecastsOf([0.3, 0.3, 0.3, 0.3])),
  });
  const placed: { node: number; ageSeconds: number }[] = [];
  policy.prepare?.(aClusterView({ nodes: NODES }));
  for (let i = 0; i < 40; i++) {
    const node = policy.choose(
      aPod({ uid: i }),
      aClusterView({ nodes: NODES, pods: placed }),
      CANDIDATES,
      NODES,
    );
    placed.push({ node, ageSeconds: -1 });
  }
  const counts = [0, 1, 2, 3].map((node) => placed.filter((pod) => pod.node === node).length);

  assert.deepEqual(counts, [10, 10, 10, 10]);
});

test('of more candidates than the limit those with the least expected load are scored, the healthy ones first', () => {
  const nodes = 40;
  const view = aClusterView({
    nodes,
    cpuRatio: Array.from({ length: nodes }, (_, i) => (i === 3 ? Number.NaN : i / nodes)),
  });
  const signals = unknownSignals(nodes);
  signals.health[0] = 0.1;
  const policy = createEnsemblePolicy({
    name: 'test',
    context: { artefacts: new Map([['placement', placementModel()]]) },
    config: { ...DEFAULT_ENSEMBLE_CONFIG, candidateLimit: 8 },
    signals: { refresh: () => signals },
  });
  policy.prepare?.(view);
  const all = Int32Array.from({ length: nodes }, (_, i) => i);
  const decision = policy.explain(aPod(), view, all, nodes);

  assert.ok(decision.kind === 'scored');
  assert.deepEqual(
    decision.candidates.map(({ node }) => node),
    [1, 2, 4, 5, 6, 7, 8, 9].map((node) => `node-${node}`),
  );
});

test('a rating agrees with the explanation, by either engine, and leaves the two best in its record', async () => {
  const view = aClusterView({ nodes: NODES, cpuRatio: [0.3, 0.6, 0.2, 0.7] });
  const artefact = placementModel();
  const session = await openPlacementSession(artefact);
  for (const engine of [{}, { session }]) {
    const policy = createEnsemblePolicy({
      name: 'mlsched',
      context: { artefacts: new Map([['placement', artefact]]) },
      signals: sourceOf(forecastsOf([0.3, 0.6, 0.2, 0.7])),
      ...engine,
    });
    policy.prepare?.(view);
    const rating = await policy.rate(aPod(), view, CANDIDATES, NODES);
    const whole = policy.explain(aPod(), view, CANDIDATES, NODES);
    assert.ok(rating.decision.kind === 'scored' && whole.kind === 'scored');
    whole.candidates.forEach(({ total }, i) =>
      assert.ok(Math.abs(total - (rating.totals[i] as number)) < 1e-6),
    );
    assert.equal(rating.decision.chosen.node, whole.chosen.node);
    assert.equal(rating.decision.candidates.length, 2);
    assert.ok(Math.abs(rating.decision.margin - whole.margin) < 1e-6);
  }
  await session.close();
});

test('a network that fails while it runs leaves its part unknown', async () => {
  const view = aClusterView({ nodes: NODES });
  const policy = createEnsemblePolicy({
    name: 'mlsched',
    context: { artefacts: new Map([['placement', placementModel()]]) },
    signals: sourceOf(forecastsOf([0.3, 0.6, 0.2, 0.7])),
    session: { score: () => Promise.reject(new Error('broken')), close: () => Promise.resolve() },
  });
  policy.prepare?.(view);
  const { decision } = await policy.rate(aPod(), view, CANDIDATES, NODES);

  assert.ok(decision.kind === 'scored');
  assert.equal(decision.chosen.node, 'node-2');
  assert.equal(decision.chosen.parts.placement.kind, 'unknown');
});
