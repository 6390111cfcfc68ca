import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { createDelivered } from './delivered.ts';
import type { WatchEvent } from './watch-types.ts';

/** An object of the model: what the server has under a name. */
interface Held {
  readonly uid: string;
  readonly resourceVersion: string;
}

const change = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  kind: fc.constantFrom('write', 'delete', 'replace'),
  /** False: the watch was broken at that moment, and only a list will tell. */
  isSeen: fc.boolean(),
});

test('a consumer that only applies events always ends with what the server has, each version once', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const server = new Map<string, Held>();
      const consumer = new Map<string, Held>();
      const told = new Set<string>();
      const delivered = createDelivered<Held & { readonly name: string }>(({ metadata }) => ({
        name: metadata?.name ?? '',
        uid: metadata?.uid ?? '',
        resourceVersion: metadata?.resourceVersion ?? '',
      }));
      let version = 0;
      const apply = (events: readonly WatchEvent<Held & { readonly name: string }>[]): void => {
        for (const event of events) {
          if (event.type === 'removed') {
            assert.equal(consumer.get(event.name)?.uid, event.uid);
            consumer.delete(event.name);
            continue;
          }
          const { name, uid, resourceVersion } = event.object;
          assert.ok(!told.has(resourceVersion), 'told once');
          told.add(resourceVersion);
          assert.ok(!consumer.has(name) || consumer.get(name)?.uid === uid, 'the old one was removed first');
          consumer.set(name, { uid, resourceVersion });
        }
      };
      const raw = (name: string, held: Held) => ({ metadata: { name, ...held } });
      const relist = (): void => {
        const events: WatchEvent<Held & { readonly name: string }>[] = [];
        const keys = new Set([...server].map(([name, held]) => delivered.set(raw(name, held), events)));
        delivered.keepOnly(keys, events);
        apply(events);
        assert.deepEqual(consumer, server);
      };
      let isBroken = false;
      for (const { name, kind, isSeen } of changes) {
        const events: WatchEvent<Held & { readonly name: string }>[] = [];
        const before = server.get(name);
        if (isBroken && isSeen) relist();
        isBroken = !isSeen;
        if (before !== undefined && kind !== 'write') {
          server.delete(name);
          if (isSeen) delivered.remove(raw(name, before), events);
        }
        if (kind !== 'delete') {
          version++;
          const uid = before !== undefined && kind === 'write' ? before.uid : `uid-${version}`;
          const held = { uid, resourceVersion: String(version) };
          server.set(name, held);
          if (isSeen) delivered.set(raw(name, held), events);
        }
        apply(events);
      }
      relist();
    }),
  );
});
