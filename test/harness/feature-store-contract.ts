import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FeatureStore, OnlineView } from '#platform/feast';

const NAN = Number.NaN;

/** What every online feature store must do, whatever the way to it. Views must have keys, three features and a TTL of a minute or more. */
export function testFeatureStore(name: string, open: () => FeatureStore, views: readonly OnlineView[]): void {
  for (const view of views) {
    const entity = (id: string): string[] => view.joinKeys.map((key) => `${name}-${id}-${key} ü`);
    const row = (base: number): Float32Array =>
      Float32Array.from(view.features, (_, i) => (i === 1 ? NAN : base + i / 8));
    const write = (store: FeatureStore, id: string, timeMs: number, base: number) =>
      store.write({ view, entities: [entity(id)], eventMs: Float64Array.of(timeMs), values: row(base) });

    test(`${name}, ${view.name}: what is written is read, unknown stays unknown`, async () => {
      const store = open();
      const nowMs = Math.floor(Date.now() / 1000) * 1000;
      await write(store, 'a', nowMs, 1);
      await write(store, 'b', nowMs - 1000, -100);
      const read = await store.read({ view, entities: [entity('b'), entity('a')], nowMs });

      assert.deepEqual(read.states, ['fresh', 'fresh']);
      assert.deepEqual([...read.eventMs], [nowMs - 1000, nowMs]);
      assert.deepEqual([...read.values], [...row(-100), ...row(1)]);
      await store.close();
    });

    test(`${name}, ${view.name}: some features, in the order asked for`, async () => {
      const store = open();
      const nowMs = Date.now();
      const [first = '', second = '', third = ''] = view.features;
      await write(store, 'c', nowMs, 5);
      const read = await store.read({
        view,
        features: [third, second, first],
        entities: [entity('c')],
        nowMs,
      });

      assert.deepEqual([...read.values], [5.25, NAN, 5]);
      await store.close();
    });

    test(`${name}, ${view.name}: a missing entity and a stale row are unknown and say which`, async () => {
      const store = open();
      const nowMs = Math.floor(Date.now() / 1000) * 1000;
      const oldMs = nowMs - view.ttlSeconds * 1000 - 5000;
      await write(store, 'old', oldMs, 3);
      const read = await store.read({ view, entities: [entity('nobody'), entity('old')], nowMs });

      assert.deepEqual(read.states, ['missing', 'stale']);
      assert.deepEqual([...read.eventMs], [NAN, oldMs]);
      assert.ok(read.values.every((value) => Number.isNaN(value)));
      assert.equal((await store.read({ view, entities: [entity('old')], nowMs: oldMs })).states[0], 'fresh');
      await store.close();
    });

    test(`${name}, ${view.name}: an older row never replaces a newer one`, async () => {
      const store = open();
      const nowMs = Math.floor(Date.now() / 1000) * 1000;
      await write(store, 'd', nowMs, 10);
      await write(store, 'd', nowMs - 30_000, 20);
      const read = await store.read({ view, entities: [entity('d')], nowMs });

      assert.equal(read.values[0], 10);
      assert.equal(read.eventMs[0], nowMs);
      await store.close();
    });

    test(`${name}, ${view.name}: a feature that is not in the view, and wrong shapes, are refused`, async () => {
      const store = open();
      const entities = [entity('e')];
      await assert.rejects(store.read({ view, features: ['no_such'], entities, nowMs: 0 }), {
        code: 'MLS_FEAST_UNKNOWN_FEATURE',
      });
      await assert.rejects(store.read({ view, entities: [[...entity('e'), 'more']], nowMs: 0 }), {
        code: 'MLS_FEAST_SHAPE',
      });
      await assert.rejects(
        store.write({ view, entities, eventMs: Float64Array.of(1), values: new Float32Array(1) }),
        { code: 'MLS_FEAST_SHAPE' },
      );
      assert.equal((await store.read({ view, entities: [], nowMs: 0 })).values.length, 0);
      await store.close();
    });
  }
}
