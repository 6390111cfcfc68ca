import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { createRng } from '#kernel/rng';

import { readJournal } from './journal/read.ts';
import { aScoreRequest, startFixture, starterModels } from './service-fixture.ts';
import { aNode, aPod, set } from './test-fixtures.ts';

const LOADS = { a: 0.2, b: 0.7, c: 0.3, d: 0.85 };
const NODES = ['a', 'b', 'c', 'd'];

test('a treated pod is steered from the loaded nodes to the empty one, and the record says why', async (t) => {
  const { post, service } = await startFixture(t, { loads: LOADS, percent: 100 });
  const response = await post('/v1/score', aScoreRequest('p', [...NODES, 'unheard-of']));
  const answer = response.json();
  assert.equal(response.statusCode, 200);
  assert.equal(answer.outcome, 'scored');
  assert.equal(answer.scores.length, 5);
  assert.equal(answer.scores[4], -1);
  assert.equal(Math.max(...answer.scores), answer.scores[0]);
  assert.ok(answer.scores[1] < answer.scores[2] && answer.scores[3] < answer.scores[1]);
  assert.ok(Number(response.headers['content-length']) > 0);

  const { decisions } = (await service.app.inject('/v1/decisions?pod=shop/p')).json();
  const { decision } = decisions[0];
  assert.equal(decision.id, answer.decisionId);
  assert.equal(decision.chosen.node, 'a');
  assert.equal(decision.pod.owner, 'Deployment/shop/web');
  assert.equal(decision.unknownNodes, 1);
  assert.ok(decision.chosen.evidence.cpuForecastMedianRatio < 0.4);
  assert.ok(decision.margin > 0 && decision.flips.length > 0);
  assert.equal((await service.app.inject(`/v1/decisions/${answer.decisionId}`)).statusCode, 200);
  assert.equal((await service.app.inject('/v1/decisions/none')).statusCode, 404);
});

test('the same state gives the same scores on another replica, in whatever order it was learned and asked', async (t) => {
  const pods = Array.from({ length: 40 }, (_, i) => aPod(`run-${i}`, { nodeName: NODES[i % 4] as string }));
  const answers: Record<string, number>[] = [];
  for (const seed of [1, 2]) {
    const { post, service } = await startFixture(t, { loads: LOADS, percent: 100 });
    service.cluster.applyPods(
      createRng(seed)
        .shuffle([...pods])
        .map(set),
    );
    await service.tick();
    const asked = createRng(seed + 10).shuffle([...NODES]);
    const { scores } = (await post('/v1/score', aScoreRequest('p', asked))).json();
    answers.push(Object.fromEntries(asked.map((name, i) => [name, scores[i]])));
  }
  assert.deepEqual(answers[0], answers[1]);
});

test('in shadow mode every answer is neutral and everything is recorded', async (t) => {
  const { post, service } = await startFixture(t, { loads: LOADS });
  const answer = (await post('/v1/score', aScoreRequest('p', NODES))).json();
  assert.deepEqual([answer.outcome, answer.reason, answer.scores], ['abstained', 'shadow', [-1, -1, -1, -1]]);
  const [found] = (await service.app.inject('/v1/decisions')).json().decisions;
  assert.equal(found.decision.chosen.node, 'a');
  assert.equal(found.decision.arm, 'shadow');
});

test('a rollout treats a stable part of the workloads, and a larger step keeps those of the smaller', async (t) => {
  const treated: Record<number, Set<string>> = {};
  for (const percent of [10, 50]) {
    const { post } = await startFixture(t, { loads: LOADS, percent });
    const found = new Set<string>();
    for (let i = 0; i < 100; i++) {
      const request = aScoreRequest(`p${i}`, NODES);
      request.pod.ownerName = `app${i}-5c8f9`;
      const { outcome, reason } = (await post('/v1/score', request)).json();
      if (outcome === 'scored') found.add(request.pod.ownerName);
      else assert.equal(reason, 'control');
    }
    treated[percent] = found;
  }
  const [ten = new Set<string>(), fifty = new Set<string>()] = [treated[10], treated[50]];
  assert.ok(ten.size >= 3 && ten.size <= 20, `${ten.size} of 100 at 10 %`);
  assert.ok(fifty.size >= 35 && fifty.size <= 65, `${fifty.size} of 100 at 50 %`);
  assert.ok([...ten].every((owner) => fifty.has(owner)));
});

test('the rollout that somebody else sets is taken up', async (t) => {
  const { post, service, store } = await startFixture(t, { loads: LOADS });
  const { port } = await service.start();
  assert.ok(port > 0);
  const seen = await store.read();
  await store.replace(seen, { ...seen, revision: 1, mode: 'active', percent: 100 });
  for (let i = 0; i < 50; i++) {
    const { outcome } = (await post('/v1/score', aScoreRequest(`p${i}`, NODES))).json();
    if (outcome === 'scored') return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail('the new rollout was not taken up');
});

test('without models, without load, or too late: it abstains with the reason', async (t) => {
  const none = await startFixture(t, { loads: LOADS, percent: 100, isWithoutModels: true });
  assert.equal((await none.post('/v1/score', aScoreRequest('p', NODES))).json().reason, 'not-ready');
  assert.equal((await none.service.app.inject('/readyz')).statusCode, 503);

  const { post, service, clock } = await startFixture(t, { loads: LOADS, percent: 100 });
  assert.equal((await service.app.inject('/readyz')).statusCode, 200);
  const late = aScoreRequest('late', NODES, { budgetMs: 0.001 });
  assert.equal((await post('/v1/score', late)).json().reason, 'deadline');
  const foreign = await post('/v1/score', aScoreRequest('q', ['x', 'y', 'z', 'a']));
  assert.equal(foreign.json().reason, 'stale');
  clock.advance(10 * 60_000);
  assert.equal((await post('/v1/score', aScoreRequest('r', NODES))).json().reason, 'stale');
});

test('a measuring that fails makes load old, not zero', async (t) => {
  let isBroken = false;
  const { post, service, clock } = await startFixture(t, {
    loads: LOADS,
    percent: 100,
    loadSource: {
      read(atMs) {
        if (isBroken) return Promise.reject(new Error('no route to host'));
        const load = (cpuUsageRatio: number) => ({ cpuUsageRatio, memoryUsageRatio: 0.4, atMs });
        return Promise.resolve({
          nodes: new Map(Object.entries(LOADS).map(([name, cpu]) => [name, load(cpu)])),
          pods: undefined,
        });
      },
    },
  });
  isBroken = true;
  clock.advance(60_000);
  await service.tick();
  assert.equal((await post('/v1/score', aScoreRequest('p', NODES))).json().outcome, 'scored');
  clock.advance(120_000);
  await service.tick();
  assert.equal((await post('/v1/score', aScoreRequest('q', NODES))).json().reason, 'stale');
});

test('every part of the models may be missing: what is there decides', async (t) => {
  const { artefacts, versions } = await starterModels();
  for (const missing of ['load-forecast', 'placement', 'node-anomaly']) {
    const models = { artefacts: new Map([...artefacts].filter(([name]) => name !== missing)), versions };
    const { post } = await startFixture(t, { loads: LOADS, percent: 100, models });
    assert.equal((await post('/v1/score', aScoreRequest('p', NODES))).json().outcome, 'scored', missing);
  }
  const { post } = await startFixture(t, {
    loads: LOADS,
    percent: 100,
    models: { artefacts: new Map(), versions: {} },
  });
  assert.equal((await post('/v1/score', aScoreRequest('p', NODES))).json().outcome, 'abstained');
});

test('a burst of a hundred pods spreads although no metric shows it yet, reserved or only assumed', async (t) => {
  const even = { a: 0.3, b: 0.3, c: 0.3, d: 0.3 };
  for (const way of ['events', 'requested'] as const) {
    const { post } = await startFixture(t, { loads: even, percent: 100 });
    const placed = [0, 0, 0, 0];
    for (let i = 0; i < 100; i++) {
      const requested = placed.map((count) => [count * 100, count * 1e8, count]);
      const request = aScoreRequest(`p${i}`, NODES, way === 'requested' ? { requested } : {});
      request.pod.cpuRequestMillicores = 100;
      request.pod.memoryRequestBytes = 1e8;
      const { scores } = (await post('/v1/score', request)).json() as { scores: number[] };
      const best = scores.indexOf(Math.max(...scores));
      placed[best] = (placed[best] as number) + 1;
      if (way === 'requested') continue;
      const event = { podUid: request.pod.uid, namespace: 'shop', name: request.pod.name, node: NODES[best] };
      const answer = await post('/v1/events', {
        schemaVersion: 1,
        events: [{ type: 'reserved', decisionId: '', atMs: 0, ...event }],
      });
      assert.deepEqual([answer.statusCode, answer.json()], [202, { accepted: 1 }]);
    }
    assert.ok(Math.max(...placed) <= 40, `${way}: ${placed.join()}`);
  }
});

test('nodes come and go under the questions, and an answer never mixes them up', async (t) => {
  const { post, service, setLoads } = await startFixture(t, { loads: LOADS, percent: 100 });
  service.cluster.applyNodes([set(aNode('0-first')), { type: 'removed', uid: '', namespace: '', name: 'd' }]);
  setLoads({ ...LOADS, '0-first': 0.05 });
  const before = (await post('/v1/score', aScoreRequest('p', NODES))).json();
  assert.equal(Math.max(...before.scores), before.scores[0]);
  await service.tick();
  const after = (await post('/v1/score', aScoreRequest('q', [...NODES, '0-first']))).json();
  assert.equal(after.scores[3], -1);
  // A node that has just joined waits for its first load: the clock has not moved.
  assert.equal(Math.max(...after.scores), after.scores[0]);
});

function extenderArgs(names: readonly string[], form: 'NodeNames' | 'Nodes') {
  const Pod = {
    metadata: { name: 'p', namespace: 'shop', uid: 'uid-p' },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu: '500m', memory: '1Gi' } } }] },
  };
  return form === 'NodeNames'
    ? { Pod, NodeNames: names, Nodes: null }
    : { Pod, Nodes: { items: names.map((name) => ({ metadata: { name } })) }, NodeNames: null };
}

test('the extender protocol is answered for names and for whole nodes', async (t) => {
  const { post } = await startFixture(t, { loads: LOADS, percent: 100 });
  for (const form of ['NodeNames', 'Nodes'] as const) {
    const response = await post('/extender/prioritize', extenderArgs([...NODES, 'x'], form));
    const list = response.json() as { Host: string; Score: number }[];
    assert.deepEqual(
      list.map(({ Host }) => Host),
      [...NODES, 'x'],
    );
    assert.ok(list.every(({ Score }) => Number.isInteger(Score) && Score >= 0 && Score <= 10));
    assert.equal(Math.max(...list.map(({ Score }) => Score)), list[0]?.Score);
    assert.equal(list[4]?.Score, 5);
    assert.equal(Number(response.headers['content-length']), Buffer.byteLength(response.body));
    const filtered = (await post('/extender/filter', extenderArgs(NODES, form))).json();
    assert.equal(filtered.Error, '');
    if (form === 'NodeNames') assert.deepEqual(filtered.NodeNames, NODES);
    else assert.equal(filtered.Nodes.items.length, 4);
  }
  const shadow = await startFixture(t, { loads: LOADS });
  assert.equal((await shadow.post('/extender/prioritize', extenderArgs(NODES, 'NodeNames'))).body, '[]');
});

test('the filter rejects the worst nodes alone, never more than its share, and nothing by default', async (t) => {
  const loads = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`n${i}`, i < 5 ? 0.99 : 0.2]));
  const config = 'filter: { enabled: true, maxRejectedRatio: 0.2, maxForecastRatio: 0.9 }\n';
  const { post } = await startFixture(t, { loads, percent: 100, config });
  const request = { schemaVersion: 1, pod: aScoreRequest('p', []).pod, budgetMs: 100 };
  const answer = (await post('/v1/filter', request)).json();
  assert.equal(answer.outcome, 'filtered');
  assert.equal(answer.rejected.length, 2);
  for (const node of answer.rejected) assert.match(answer.reasons[node], /forecast/);
  const names = Object.keys(loads);
  const kept = (await post('/extender/filter', extenderArgs(names, 'NodeNames'))).json();
  assert.equal(kept.NodeNames.length, 8);
  assert.equal(Object.keys(kept.FailedNodes).length, 2);
  const only = (await post('/extender/filter', extenderArgs(answer.rejected, 'NodeNames'))).json();
  assert.deepEqual(only.NodeNames, answer.rejected);

  const byDefault = await startFixture(t, { loads, percent: 100 });
  assert.deepEqual((await byDefault.post('/v1/filter', request)).json().rejected, []);
  const shadow = await startFixture(t, { loads, config });
  assert.deepEqual((await shadow.post('/v1/filter', request)).json().rejected, []);
});

test('the journal holds the decision, the node that was really taken, and what came of it', async (t) => {
  const { post, service, clock, directory } = await startFixture(t, { loads: LOADS });
  await post('/v1/score', aScoreRequest('p', NODES));
  service.cluster.applyPods([set(aPod('p', { nodeName: 'c' })), set(aPod('foreign', { nodeName: 'b' }))]);
  service.cluster.applyPods([
    set(aPod('agent', { nodeName: 'b', owner: { kind: 'DaemonSet', name: 'agent', uid: 'agent' } })),
  ]);
  for (let i = 0; i < 31; i++) {
    clock.advance(30_000);
    await service.tick();
  }
  const { decisions } = (await service.app.inject('/v1/decisions')).json();
  const ours = decisions.find((one: { kind: string }) => one.kind === 'decision');
  assert.equal(ours.bound.node, 'c');
  assert.equal(ours.bound.agreed, false);
  assert.ok(ours.bound.regret > 0 && ours.bound.rank >= 2);
  assert.ok(Math.abs(ours.outcome.realisedCpuRatio - LOADS.c) < 0.01);
  assert.ok(Math.abs(ours.outcome.preferredRealisedCpuRatio - LOADS.a) < 0.01);
  const others = decisions.filter((one: { kind: string }) => one.kind === 'not-scored-by-us');
  assert.deepEqual(
    others.map((one: { bound: { name: string } }) => one.bound.name),
    ['foreign'],
  );
  await service.close();
  const records = await readJournal({ directory: `${directory}/journal` });
  assert.deepEqual(records.map(({ kind }) => kind).sort(), ['bound', 'bound', 'decision', 'outcome']);
});

test('pushed load is taken where it is the source, and refused elsewhere', async (t) => {
  const pushed = await startFixture(t, { loads: LOADS });
  const body = { schemaVersion: 1, nodes: [{ name: 'a', cpuUsageRatio: 0.4, memoryUsageRatio: 0.5 }] };
  assert.equal((await pushed.post('/v1/load', body)).statusCode, 202);
  const none = await startFixture(t, { loads: LOADS, config: 'load: { source: none }\n' });
  assert.equal((await none.post('/v1/load', body)).statusCode, 409);
});

test('the OpenAPI document describes every route, from the schemas that check it', async (t) => {
  const { service } = await startFixture(t, { loads: LOADS });
  const document = (await service.app.inject('/openapi.json')).json();
  const routes = Object.keys(document.paths);
  for (const path of ['/v1/score', '/v1/filter', '/v1/events', '/extender/prioritize', '/v1/decisions/{id}'])
    assert.ok(routes.includes(path), path);
  const { schema } = document.paths['/v1/score'].post.requestBody.content['application/json'];
  assert.deepEqual(schema.required.sort(), ['nodes', 'pod', 'schemaVersion']);
});

const VERBS = [
  '/v1/score',
  '/v1/filter',
  '/v1/events',
  '/v1/load',
  '/extender/prioritize',
  '/extender/filter',
];

test('whatever is sent to whatever verb, the answer is valid or a 4xx, and the service lives', async (t) => {
  const { post, service } = await startFixture(t, { loads: LOADS, percent: 100 });
  const anyNames = fc.array(fc.oneof(fc.constantFrom(...NODES), fc.string()), { maxLength: 8 });
  const anyNumber = fc.oneof(fc.double(), fc.integer(), fc.constant(null), fc.string());
  const nearlyScore = fc.record({
    schemaVersion: fc.constantFrom(1, 2, '1'),
    pod: fc.record(
      {
        namespace: fc.string(),
        name: fc.string(),
        uid: fc.string(),
        ownerKind: fc.constantFrom('ReplicaSet', 'Job', 'Pod', '', '__proto__'),
        ownerName: fc.string(),
        cpuRequestMillicores: anyNumber,
        memoryRequestBytes: anyNumber,
        priority: anyNumber,
        labels: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.constant(null)),
      },
      { requiredKeys: [] },
    ),
    nodes: anyNames,
    requested: fc.oneof(fc.constant(null), fc.array(fc.array(anyNumber, { maxLength: 4 }), { maxLength: 8 })),
    events: fc.array(fc.record({ type: fc.constantFrom('reserved', 'bound', 'x'), node: fc.string() })),
    budgetMs: anyNumber,
  });
  const nearlyExtender = fc.record({
    Pod: fc.record({ metadata: fc.object(), spec: fc.object() }, { requiredKeys: [] }),
    NodeNames: fc.oneof(anyNames, fc.constant(null)),
    Nodes: fc.oneof(fc.constant(null), fc.object()),
  });
  const body = fc.oneof(
    nearlyScore.map((value) => JSON.stringify(value)),
    nearlyExtender.map((value) => JSON.stringify(value)),
    fc.json(),
    fc.string(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...VERBS), body, async (url, payload) => {
      const response = await post(url, payload);
      assert.ok(response.statusCode < 500, `${url} ${response.statusCode} ${response.body}`);
      if (response.statusCode >= 400) assert.match(response.json().error.code, /^MLS_/);
      if (url === '/v1/score' && response.statusCode === 200) {
        const { scores } = response.json() as { scores: number[] };
        assert.equal(scores.length, (JSON.parse(payload) as { nodes: string[] }).nodes.length);
        assert.ok(scores.every((score) => Number.isInteger(score) && score >= -1 && score <= 100));
      }
    }),
    { numRuns: 400 },
  );
  assert.equal((await post('/v1/score', aScoreRequest('p', NODES))).json().outcome, 'scored');
  assert.equal((await service.app.inject('/livez')).statusCode, 200);
});
