import type { RawMeta, RawObject } from './raw.ts';
import type { WatchEvent } from './watch-types.ts';

/**
 * What has been delivered to a consumer, known by name, identity and version: turns what lists and watches say into
 * changes, each once.
 */
export interface Delivered<T> {
  readonly size: number;
  /** Takes in an object as it is now; returns its key. */
  set(raw: RawObject, events: WatchEvent<T>[]): string;
  /** Takes in a deletion; one of an object that has been replaced already is left out. */
  remove(raw: RawObject, events: WatchEvent<T>[]): void;
  /** Removes what a complete list did not have. */
  keepOnly(keys: ReadonlySet<string>, events: WatchEvent<T>[]): void;
}

interface Version {
  readonly uid: string;
  readonly resourceVersion: string;
}

export function createDelivered<T>(project: (raw: RawObject) => T | undefined): Delivered<T> {
  const versions = new Map<string, Version>();
  const drop = (key: string, { uid }: Version, events: WatchEvent<T>[]): void => {
    versions.delete(key);
    const slash = key.indexOf('/');
    events.push({ type: 'removed', uid, namespace: key.slice(0, slash), name: key.slice(slash + 1) });
  };
  return {
    get size() {
      return versions.size;
    },
    set(raw, events) {
      const key = keyOf(raw.metadata);
      const { uid = '', resourceVersion = '' } = raw.metadata ?? {};
      const before = versions.get(key);
      if (before?.uid === uid && before.resourceVersion === resourceVersion) return key;
      const object = project(raw);
      if (object === undefined) return key;
      if (before !== undefined && before.uid !== uid) drop(key, before, events);
      versions.set(key, { uid, resourceVersion });
      events.push({ type: 'set', object });
      return key;
    },
    remove(raw, events) {
      const key = keyOf(raw.metadata);
      const before = versions.get(key);
      if (before !== undefined && before.uid === raw.metadata?.uid) drop(key, before, events);
    },
    keepOnly(keys, events) {
      for (const [key, version] of versions) {
        if (!keys.has(key)) drop(key, version, events);
      }
    },
  };
}

function keyOf(meta: RawMeta | undefined): string {
  return `${meta?.namespace ?? ''}/${meta?.name ?? ''}`;
}
