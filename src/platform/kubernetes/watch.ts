import { setTimeout as sleep } from 'node:timers/promises';
import { isMlschedError, messageOf } from '#kernel/errors';
import { silentLog } from '#kernel/log';
import type { MlschedError } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { SECOND_MS } from '#kernel/units';
import { badAnswer, broken, isGone, refused, timedOut } from './errors.ts';
import { createDelivered } from './delivered.ts';
import type { Delivered } from './delivered.ts';
import type { RawObject } from './raw.ts';
import type { Watch, WatchEvent, WatchOptions, WatchStatus, WatchTuning } from './watch-types.ts';

/** A kind of object that can be listed and watched. */
export interface WatchedKind<T> {
  /** Plural name, for messages: `nodes`. */
  readonly plural: string;
  readonly path: string;
  /** Keeps what is used of an object at the moment it is parsed; undefined for one without identity. */
  readonly project: (raw: RawObject) => T | undefined;
  /** Form in which objects are asked for, such as metadata only. */
  readonly accept?: string;
}

const DEFAULT_TUNING: WatchTuning = {
  pageSize: 100,
  firstBackoffSeconds: 0.5,
  maxBackoffSeconds: 30,
  quietSeconds: 150,
  watchSeconds: 300,
};

/** Times a list may lose its place before it is asked for in one piece. */
const PAGED_ATTEMPTS = 3;

interface RawList {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly RawObject[];
}

interface RawWatchEvent {
  readonly type?: string;
  readonly object?: RawObject & { readonly code?: number; readonly message?: string };
}

/**
 * Lists a kind, then follows its changes for ever: pages, bookmarks, 410 Gone, restarts of the API server.
 *
 * @remarks Lists ask for the newest version (a quorum read), so a list never goes back behind what was seen. After a break
 *   the watch resumes from the last version heard of; only if that is gone is everything listed again, and then the
 *   differences are delivered, known by `resourceVersion`.
 */
export function watchKind<T>(kind: WatchedKind<T>, options: WatchOptions<T>): Watch {
  return new Reflector(kind, options);
}

class Reflector<T> implements Watch {
  readonly ended: Promise<void>;
  private readonly kind: WatchedKind<T>;
  private readonly options: WatchOptions<T>;
  private readonly tuning: WatchTuning;
  private readonly log: Log;
  private readonly delivered: Delivered<T>;
  private version: string | undefined;
  private isSynced = false;
  private heardAtMs: number | undefined;
  private lists = 0;
  private watches = 0;
  private problem: MlschedError | undefined;
  private failures = 0;
  private lostPages = 0;

  constructor(kind: WatchedKind<T>, options: WatchOptions<T>) {
    this.kind = kind;
    this.options = options;
    this.tuning = { ...DEFAULT_TUNING, ...options.tuning };
    this.delivered = createDelivered(kind.project);
    this.log = (options.log ?? silentLog).child({ watch: kind.plural });
    this.ended = this.run();
  }

  status(): WatchStatus {
    return {
      isSynced: this.isSynced,
      ageSeconds: this.heardAtMs === undefined ? undefined : (this.nowMs() - this.heardAtMs) / SECOND_MS,
      objects: this.delivered.size,
      lists: this.lists,
      watches: this.watches,
      problem: this.problem,
    };
  }

  private nowMs(): number {
    return this.options.clock?.nowMs() ?? performance.now();
  }

  private async run(): Promise<void> {
    const { signal } = this.options;
    while (!signal.aborted) {
      try {
        if (this.version === undefined) await this.list();
        else await this.follow(this.version);
      } catch (error) {
        if (signal.aborted) return;
        await this.recover(error);
      }
    }
  }

  /** Lists everything, page by page, and delivers what differs from what was delivered before. */
  private async list(): Promise<void> {
    const seen = new Set<string>();
    let list: RawList['metadata'];
    let isLast = false;
    while (!isLast) {
      const page = await this.readPage(list?.continue);
      list = page.metadata;
      isLast = list?.continue === undefined || list.continue === '';
      const events: WatchEvent<T>[] = [];
      for (const item of page.items ?? []) seen.add(this.delivered.set(item, events));
      this.deliver(events);
    }
    if (list?.resourceVersion === undefined) throw this.bad('the list has no resourceVersion');
    const gone: WatchEvent<T>[] = [];
    this.delivered.keepOnly(seen, gone);
    this.deliver(gone);
    this.version = list.resourceVersion;
    this.lists++;
    this.lostPages = 0;
    this.connected();
    if (!this.isSynced) this.synced();
  }

  private synced(): void {
    this.isSynced = true;
    this.log.success('listed', { objects: this.delivered.size });
    this.guarded(() => this.options.onSynced?.());
  }

  private async readPage(token: string | undefined): Promise<RawList> {
    const isPaged = this.lostPages < PAGED_ATTEMPTS;
    const page = (await this.options.client.call({
      path: this.kind.path,
      query: {
        ...this.selectors(),
        limit: isPaged ? this.tuning.pageSize : undefined,
        continue: token,
      },
      timeoutSeconds: 60,
      signal: this.options.signal,
      ...this.acceptHeader(),
    })) as RawList;
    this.heardAtMs = this.nowMs();
    return page;
  }

  /** Follows the changes after a version until the server ends the watch. */
  private async follow(version: string): Promise<void> {
    const { signal, client } = this.options;
    const ending = new AbortController();
    const end = (): void => ending.abort();
    signal.addEventListener('abort', end, { once: true });
    const quiet = setTimeout(end, this.tuning.quietSeconds * SECOND_MS);
    try {
      const batches = await client.stream({
        path: this.kind.path,
        query: {
          ...this.selectors(),
          watch: true,
          allowWatchBookmarks: true,
          resourceVersion: version,
          timeoutSeconds: Math.ceil(this.tuning.watchSeconds * (1 + Math.random())),
        },
        signal: ending.signal,
        ...this.acceptHeader(),
      });
      this.watches++;
      this.problem = undefined;
      const openedAtMs = this.nowMs();
      for await (const lines of batches) {
        quiet.refresh();
        this.takeLines(lines);
        this.connected();
      }
      // A server that opens watches and ends them at once must not be asked without pause.
      if (this.nowMs() - openedAtMs < SECOND_MS) await this.pause();
    } catch (error) {
      const isQuiet = ending.signal.aborted && !signal.aborted;
      throw isQuiet
        ? timedOut(client.server, `watch of ${this.kind.plural}`, this.tuning.quietSeconds)
        : error;
    } finally {
      clearTimeout(quiet);
      signal.removeEventListener('abort', end);
    }
  }

  private takeLines(lines: readonly string[]): void {
    const events: WatchEvent<T>[] = [];
    try {
      for (const line of lines) this.takeEvent(JSON.parse(line) as RawWatchEvent, events);
    } catch (error) {
      throw error instanceof SyntaxError ? this.bad(messageOf(error)) : error;
    } finally {
      // What came before the fault is sound.
      this.deliver(events);
    }
  }

  private takeEvent({ type, object }: RawWatchEvent, events: WatchEvent<T>[]): void {
    if (type === 'ERROR') throw this.refusal(object);
    const version = object?.metadata?.resourceVersion;
    if (object === undefined || version === undefined) throw this.bad('an event has no resourceVersion');
    if (type === 'ADDED' || type === 'MODIFIED') this.delivered.set(object, events);
    else if (type === 'DELETED') this.delivered.remove(object, events);
    this.version = version;
  }

  private refusal(status: RawWatchEvent['object']): MlschedError {
    const { server } = this.options.client;
    return refused(server, `watch of ${this.kind.plural}`, status?.code ?? 500, status?.message ?? '');
  }

  private deliver(events: readonly WatchEvent<T>[]): void {
    if (events.length > 0 && !this.options.signal.aborted) {
      this.guarded(() => this.options.onChange(events));
    }
  }

  private guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.log.error('the consumer of a watch threw', { error });
    }
  }

  private connected(): void {
    this.heardAtMs = this.nowMs();
    if (this.failures > 0) this.log.info('connected again', { failures: this.failures });
    this.failures = 0;
    this.problem = undefined;
  }

  /** After a failure: forget a version that is gone, say once what is wrong, wait. */
  private async recover(error: unknown): Promise<void> {
    const problem = isMlschedError(error) ? error : broken(this.kind.plural, error);
    if (isGone(problem)) {
      if (this.version === undefined) this.lostPages++;
      this.version = undefined;
    }
    if (this.problem?.code !== problem.code) {
      this.log.warning('not connected', { code: problem.code, reason: problem.message });
    }
    this.problem = problem;
    await this.pause();
  }

  private async pause(): Promise<void> {
    const { firstBackoffSeconds, maxBackoffSeconds } = this.tuning;
    const seconds = Math.min(maxBackoffSeconds, firstBackoffSeconds * 2 ** this.failures);
    this.failures++;
    const waitMs = seconds * SECOND_MS * (0.5 + Math.random() / 2);
    await sleep(waitMs, undefined, { signal: this.options.signal }).catch(() => undefined);
  }

  private selectors(): Record<string, string | undefined> {
    const { fieldSelector, labelSelector } = this.options;
    return { fieldSelector, labelSelector };
  }

  private acceptHeader(): { readonly accept?: string } {
    return this.kind.accept === undefined ? {} : { accept: this.kind.accept };
  }

  private bad(problem: string): MlschedError {
    return badAnswer(this.options.client.server, `list or watch of ${this.kind.plural}`, problem);
  }
}
