import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import type { ObservedNode, ObservedPod } from '#domain';
import { createManualClock } from '#kernel/clock';
import { DAY_MS, MINUTE_MS } from '#kernel/units';
import { openRecordLog } from '#platform/files';
import { readWorkloadFacts } from './fact-files.ts';
import { createLiveNodeIdentity } from './live-identity.ts';
import type { WorkloadFact } from './workload-fact.ts';
import { openWorkloadFacts } from './workload-facts.ts';

const root = mkdtempSync(join(tmpdir(), 'mlsched-enrich-'));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = (): string => join(root, `store-${folders++}`);

const NOON = Date.parse('2026-03-01T12:00:00Z');
const EVER = { startMs: 0, endMs: 9e15 };

function pod(name: string, more: Partial<ObservedPod> = {}): ObservedPod {
  return {
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
    nodeName: 'worker-1',
    phase: 'Running',
    schedulerName: 'default-scheduler',
    owner: { kind: 'Deployment', name: 'api', uid: 'shop/Deployment/api' },
    labels: { app: 'api' },
    priorityClass: undefined,
    priority: 0,
    qos: 'burstable',
    cpuRequestMillicores: 250,
    cpuLimitMillicores: 0,
    memoryRequestBytes: 2 ** 28,
    memoryLimitBytes: 0,
    createdAtMs: NOON - 2000,
    startedAtMs: NOON - 1000,
    ...more,
  };
}

const set = (object: ObservedPod) => ({ type: 'set', object }) as const;
const removed = (name: string) => ({ type: 'removed', uid: `uid-${name}`, namespace: 'shop', name }) as const;

function brief(facts: readonly WorkloadFact[]): string[] {
  return facts.map(
    ({ pod, cpuRequestMillicores, validFromMs, validToMs, end }) =>
      `${pod} ${cpuRequestMillicores}m ${validFromMs - NOON}..${validToMs === undefined ? '' : validToMs - NOON} ${end ?? 'open'}`,
  );
}

test('a pod is a fact from its start to its end, and a new one when it changes', async () => {
  const directory = newFolder();
  const clock = createManualClock(NOON);
  const facts = await openWorkloadFacts({ directory, clock });
  facts.apply([set(pod('a', { startedAtMs: undefined })), set(pod('waiting', { nodeName: undefined }))]);
  facts.synced();
  clock.advance(500);
  facts.apply([set(pod('a'))]);
  clock.advance(500);
  facts.apply([set(pod('a', { cpuRequestMillicores: 500 })), set(pod('b'))]);
  clock.advance(1000);
  facts.apply([removed('a'), set(pod('b', { phase: 'Failed' })), removed('b'), removed('waiting')]);
  await facts.flush();
  await facts.close();

  const read = await readWorkloadFacts(directory, EVER);
  assert.deepEqual(brief(read), [
    'a 250m -2000..1000 changed',
    'a 500m 1000..2000 deleted',
    'b 250m -1000..2000 failed',
  ]);
  assert.equal(read[0]?.startedAtMs, NOON - 1000, 'its start became known later');
  assert.deepEqual(read[2]?.labels, { app: 'api' });
});

test('what ends while nobody watches ends at the last moment it was seen, marked so', async () => {
  const directory = newFolder();
  const clock = createManualClock(NOON);
  const first = await openWorkloadFacts({ directory, clock });
  first.apply([set(pod('gone')), set(pod('stays'))]);
  first.synced();
  await first.flush(clock.nowMs());
  clock.advance(5 * MINUTE_MS);
  await first.flush(clock.nowMs());
  await first.close();

  clock.advance(60 * MINUTE_MS);
  const second = await openWorkloadFacts({ directory, clock });
  assert.equal(second.openCount, 2);
  second.apply([set(pod('stays'))]);
  second.synced();
  await second.flush(clock.nowMs());
  await second.close();
  assert.deepEqual(brief(await readWorkloadFacts(directory, EVER)), [
    `gone 250m -1000..${5 * MINUTE_MS} unseen`,
    'stays 250m -1000.. open',
  ]);
});

test('each day stands whole in its own file, and a span reads what held in it', async () => {
  const directory = newFolder();
  const clock = createManualClock(NOON);
  const facts = await openWorkloadFacts({ directory, clock });
  facts.apply([set(pod('short')), set(pod('long', { priorityClass: 'high', priority: 1000 }))]);
  facts.synced();
  clock.advance(MINUTE_MS);
  facts.apply([removed('short')]);
  await facts.flush(clock.nowMs());
  clock.advance(2 * DAY_MS);
  await facts.flush(clock.nowMs());
  facts.apply([removed('long')]);
  await facts.flush(clock.nowMs());
  await facts.close();

  const names = readdirSync(join(directory, 'workloads')).sort();
  assert.deepEqual(names, ['2026-03-01.parquet', '2026-03-02.parquet', 'journal.log', 'lock']);
  const all = await readWorkloadFacts(directory, EVER);
  assert.deepEqual(brief(all), [
    `long 250m -1000..${2 * DAY_MS + MINUTE_MS} deleted`,
    `short 250m -1000..${MINUTE_MS} deleted`,
  ]);
  assert.deepEqual([all[0]?.priorityClass, all[0]?.priority], ['high', 1000]);
  assert.equal(all[1]?.priorityClass, undefined);
  const later = await readWorkloadFacts(directory, { startMs: NOON + DAY_MS, endMs: NOON + 2 * DAY_MS });
  assert.deepEqual(
    later.map(({ pod }) => pod),
    ['long'],
  );
});

test('a journal that is not ours is named with its record, and a second writer is refused', async () => {
  const directory = newFolder();
  const clock = createManualClock(NOON);
  const first = await openWorkloadFacts({ directory, clock });
  await assert.rejects(openWorkloadFacts({ directory, clock }), { code: 'MLS_FILES_TAKEN' });
  await first.close();
  const log = await openRecordLog(join(directory, 'workloads/journal.log'));
  await log.append([Buffer.from('{"t":"seen","atMs":1}'), Buffer.from('{"t":"other"}')]);
  await log.close();
  await assert.rejects(openWorkloadFacts({ directory, clock }), {
    code: 'MLS_COLLECT_BAD_JOURNAL',
    message: /record 2/,
  });
});

const step = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  kind: fc.constantFrom('set', 'resize', 'remove'),
  minutes: fc.integer({ min: 1, max: 900 }),
  /** Killed after this step was flushed, in the middle of writing the next lines. */
  torn: fc.option(fc.string({ minLength: 1 }), { nil: undefined, freq: 5 }),
});

test('killed at any moment, over any days: every fact that was flushed is there, once and right', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const directory = newFolder();
      const clock = createManualClock(NOON);
      const model = new Map<string, { size: number; fromMs: number }>();
      const expected: string[] = [];
      let facts = await openWorkloadFacts({ directory, clock });
      facts.synced();
      const close = (name: string, end: string): void => {
        const held = model.get(name);
        if (held === undefined) return;
        model.delete(name);
        expected.push(`${name} ${held.size}m ${held.fromMs - NOON}..${clock.nowMs() - NOON} ${end}`);
      };
      /** Makes one change in the model, and says it as the watch would. */
      const change = (name: string, kind: string) => {
        const sizeBefore = model.get(name)?.size ?? 100;
        if (kind === 'remove') {
          close(name, 'deleted');
          return removed(name);
        }
        if (kind === 'resize') close(name, 'changed');
        const size = kind === 'resize' ? sizeBefore + 100 : sizeBefore;
        if (!model.has(name)) model.set(name, { size, fromMs: clock.nowMs() });
        return set(pod(name, { cpuRequestMillicores: size, startedAtMs: clock.nowMs() }));
      };
      for (const { name, kind, minutes, torn } of steps) {
        clock.advance(minutes * MINUTE_MS);
        facts.apply([change(name, kind)]);
        await facts.flush(clock.nowMs());
        if (torn === undefined) continue;
        await facts.close();
        appendFileSync(join(directory, 'workloads/journal.log'), torn);
        facts = await openWorkloadFacts({ directory, clock });
        facts.apply(
          [...model].map(([held, { size, fromMs }]) =>
            set(pod(held, { cpuRequestMillicores: size, startedAtMs: fromMs })),
          ),
        );
        facts.synced();
      }
      await facts.close();
      for (const [name, { size, fromMs }] of model) expected.push(`${name} ${size}m ${fromMs - NOON}.. open`);
      assert.deepEqual(brief(await readWorkloadFacts(directory, EVER)).sort(), expected.sort());
    }),
    { numRuns: 40 },
  );
});

function node(name: string, addresses: string[], createdAtMs = 0): { type: 'set'; object: ObservedNode } {
  return { type: 'set', object: { name, addresses, createdAtMs } as unknown as ObservedNode };
}

test('nodes are named by both sources as the cluster changes, and each conflict is told once', () => {
  const told: string[] = [];
  const identity = createLiveNodeIdentity({
    staticNames: { '10.0.0.9': 'worker-9', '10.0.0.2': 'worker-b' },
    onConflict: (conflict) => told.push(`${conflict.kind} ${conflict.address}`),
  });
  const nameOf = (address: string): string | undefined => identity.resolve({ instance: `${address}:9100` });
  assert.equal(nameOf('10.0.0.9'), 'worker-9', 'the static map works before the API server answers');
  assert.equal(nameOf('10.0.0.1'), '10.0.0.1');

  identity.update([node('worker-a', ['10.0.0.1']), node('worker-c', ['10.0.0.2'])]);
  assert.equal(nameOf('10.0.0.1'), 'worker-a');
  assert.equal(nameOf('10.0.0.2'), 'worker-b', 'the static map wins');
  identity.update([node('worker-d', ['10.0.0.1'], 5), node('worker-c', ['10.0.0.2'])]);
  assert.equal(nameOf('10.0.0.1'), 'worker-d', 'the newest node has the address');
  assert.deepEqual(told, ['no-such-node 10.0.0.9', 'differs 10.0.0.2', 'shared 10.0.0.1']);
  identity.update([{ type: 'removed', uid: '', namespace: '', name: 'worker-a' }]);
  assert.deepEqual(
    identity.conflicts.map(({ kind }) => kind),
    ['no-such-node', 'differs'],
  );
});
