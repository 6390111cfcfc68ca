import type { Clock } from '#kernel/clock';
import type { MlschedError } from '#kernel/errors';
import type { Log } from '#kernel/log';
import type { KubernetesClient } from './client.ts';

/** One change of one object. Objects are frozen in time: a later event replaces them, nobody changes them. */
export type WatchEvent<T> =
  | { readonly type: 'set'; readonly object: T }
  | { readonly type: 'removed'; readonly uid: string; readonly namespace: string; readonly name: string };

export interface WatchOptions<T> {
  readonly client: KubernetesClient;
  /**
   * Takes in changes that arrived together, in order. The consumer keeps its own state; nothing is delivered twice
   * and nothing is left out, whatever happens to the connection. An object that was deleted and made anew under its
   * name is `removed` (old uid) before it is `set` (new uid). Must not throw: what it throws is logged, and it goes on.
   */
  readonly onChange: (events: readonly WatchEvent<T>[]) => void;
  /** Called once, when everything that was there at the start has been delivered. */
  readonly onSynced?: () => void;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  readonly log?: Log;
  /** Monotonic or wall; only distances count. Default: the system's monotonic clock. */
  readonly clock?: Clock;
  /** `metadata.name=x` and the like; what leaves the selection is `removed`. */
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** Timings, for tests. */
  readonly tuning?: Partial<WatchTuning>;
}

export interface WatchTuning {
  /** Objects a page of a list; default 100: pages of 500 leave 80 MiB more behind at 5,000 nodes and 50,000 pods. */
  readonly pageSize: number;
  /** First and longest wait after a failure; default 0.5 and 30. Waits are drawn from the upper half. */
  readonly firstBackoffSeconds: number;
  readonly maxBackoffSeconds: number;
  /** A watch in which nothing is heard for this long is opened anew; the server sends a bookmark a minute. Default 150. */
  readonly quietSeconds: number;
  /** The server is asked to end a watch between one and two times this; default 300. */
  readonly watchSeconds: number;
}

/** How a watch is doing, at this moment. */
export interface WatchStatus {
  /** The first list is complete. */
  readonly isSynced: boolean;
  /** Since the API server last said something about this (a list, an event, a bookmark); undefined = never. */
  readonly ageSeconds: number | undefined;
  readonly objects: number;
  /** Complete lists so far, and watches opened. */
  readonly lists: number;
  readonly watches: number;
  /** Why it is not connected now; undefined while it is. */
  readonly problem: MlschedError | undefined;
}

export interface Watch {
  status(): WatchStatus;
  /** Resolves once the watch has ended after its signal; never rejects. */
  readonly ended: Promise<void>;
}
