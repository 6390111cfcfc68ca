import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#kernel/clock';
import type { Clock } from '#kernel/clock';
import { isMlschedError, messageOf } from '#kernel/errors';
import { silentLog } from '#kernel/log';
import type { Log } from '#kernel/log';
import { SECOND_MS } from '#kernel/units';
import type { KubernetesClient } from './client.ts';
import { createLeaseStore, microTime } from './lease-store.ts';
import type { LeaseRecord, LeaseStore } from './lease-store.ts';

/** One candidate for one Lease. */
export interface LeaderElector {
  /** Made unique by us: two processes must never take each other's Lease for their own. */
  readonly identity: string;
  /**
   * Whether this process may act as the leader at this very moment.
   *
   * @remarks Reckoned on each call from when the last renewal was sent, so it is false in time even if the process was
   *   stopped for a while. Others take over only after `leaseSeconds` without a change, which is later. It says nothing
   *   about a write that is already under way: guard those by versions of their own.
   */
  isLeader(): boolean;
  /** Who holds the Lease as far as is known; undefined when nobody does or it was not read yet. */
  holder(): string | undefined;
  /** Takes part until the signal, then gives the Lease up if held. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

export interface LeaderElectorTimings {
  /** A Lease that did not change for this long may be taken over; default 15. */
  readonly leaseSeconds: number;
  /** A leader that could not renew for this long stops being one; default 10. */
  readonly renewSeconds: number;
  /** Pause between two tries; default 2. */
  readonly retrySeconds: number;
}

export interface LeaderElectorOptions extends Partial<LeaderElectorTimings> {
  readonly client: KubernetesClient;
  /** Default: the client's own namespace. */
  readonly namespace?: string;
  readonly name: string;
  /** First part of the identity; default the host (pod) name. */
  readonly identity?: string;
  /** Told when leadership begins and ends. For acting, ask `isLeader()`. */
  readonly onChange?: (isLeader: boolean) => void;
  readonly log?: Log;
}

/** As client-go: 15, 10 and 2 seconds. */
const DEFAULT_TIMINGS: LeaderElectorTimings = { leaseSeconds: 15, renewSeconds: 10, retrySeconds: 2 };
/** As client-go: pauses of followers are drawn from 1 to 2.2 times the pause, so that they do not try together. */
const JITTER = 1.2;

/**
 * Leader election over a Lease, by the rules of client-go: the record's age is reckoned from when this process saw it
 * change, on its own monotonic clock; writes are guarded by `resourceVersion`.
 */
export function createLeaderElector(options: LeaderElectorOptions): LeaderElector {
  const timings = { ...DEFAULT_TIMINGS, ...definedTimings(options) };
  const { client, name, namespace = client.namespace } = options;
  return electOver(createLeaseStore(client, { namespace, name }, timings.renewSeconds / 2), {
    timings,
    identity: `${options.identity ?? hostname()}_${randomUUID()}`,
    log: (options.log ?? silentLog).child({ lease: `${namespace}/${name}` }),
    onChange: options.onChange ?? (() => undefined),
    clock: { nowMs: () => performance.now() },
    wall: systemClock,
    random: Math.random,
    sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
  });
}

function definedTimings(options: Partial<LeaderElectorTimings>): Partial<LeaderElectorTimings> {
  const { leaseSeconds, renewSeconds, retrySeconds } = options;
  return {
    ...(leaseSeconds === undefined ? {} : { leaseSeconds }),
    ...(renewSeconds === undefined ? {} : { renewSeconds }),
    ...(retrySeconds === undefined ? {} : { retrySeconds }),
  };
}

/** What an elector needs of the world, so that tests can own time and network. */
interface ElectorWorld {
  readonly timings: LeaderElectorTimings;
  readonly identity: string;
  readonly log: Log;
  readonly onChange: (isLeader: boolean) => void;
  /** Monotonic. */
  readonly clock: Clock;
  readonly wall: Clock;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export function electOver(store: LeaseStore, world: ElectorWorld): LeaderElector {
  return new Elector(store, world);
}

class Elector implements LeaderElector {
  readonly identity: string;
  private readonly store: LeaseStore;
  private readonly world: ElectorWorld;
  private record: LeaseRecord | undefined;
  /** When this process first saw the record as it is now. */
  private seenAtMs = 0;
  /** When the last renewal that succeeded was sent. */
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  private wasLeader = false;
  private isReleased = false;
  private lastProblem = '';

  constructor(store: LeaseStore, world: ElectorWorld) {
    this.store = store;
    this.world = world;
    this.identity = world.identity;
  }

  isLeader(): boolean {
    const { clock, timings } = this.world;
    return !this.isReleased && clock.nowMs() - this.renewedAtMs < timings.renewSeconds * SECOND_MS;
  }

  holder(): string | undefined {
    return this.record?.holder === '' ? undefined : this.record?.holder;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { timings, random, sleep } = this.world;
    this.isReleased = false;
    while (!signal.aborted) {
      await this.attempt(signal);
      this.tell();
      const stretch = this.isLeader() ? 1 : 1 + JITTER * random();
      await sleep(timings.retrySeconds * SECOND_MS * stretch, signal);
      this.tell();
    }
    await this.release();
  }

  private async attempt(signal: AbortSignal): Promise<void> {
    try {
      await (this.isLeader() ? this.renew(signal) : this.acquire(signal));
      this.lastProblem = '';
    } catch (error) {
      if (signal.aborted) return;
      this.note(error);
    }
  }

  /** The leader's way: writes over the version it knows; when that is not the newest it has to look first. */
  private async renew(signal: AbortSignal): Promise<void> {
    try {
      await this.claim(this.record, signal);
    } catch (error) {
      if (!isMlschedError(error) || error.kind !== 'conflict') throw error;
      await this.acquire(signal);
    }
  }

  private async acquire(signal: AbortSignal): Promise<void> {
    const found = await this.store.read(signal);
    this.see(found);
    if (found !== undefined && this.isHeldByAnother(found)) {
      this.renewedAtMs = Number.NEGATIVE_INFINITY;
      return;
    }
    await this.claim(found, signal);
  }

  private isHeldByAnother(found: LeaseRecord): boolean {
    if (found.holder === '' || found.holder === this.identity) return false;
    const heldSeconds = found.durationSeconds || this.world.timings.leaseSeconds;
    return this.world.clock.nowMs() - this.seenAtMs < heldSeconds * SECOND_MS;
  }

  private async claim(over: LeaseRecord | undefined, signal: AbortSignal): Promise<void> {
    const { clock, wall, timings } = this.world;
    const sentAtMs = clock.nowMs();
    const time = microTime(wall.nowMs());
    const isRenewal = over?.holder === this.identity;
    const written = await this.store.write(
      {
        holder: this.identity,
        durationSeconds: timings.leaseSeconds,
        transitions: (over?.transitions ?? 0) + (over === undefined || isRenewal ? 0 : 1),
        acquireTime: isRenewal ? over.acquireTime : time,
        renewTime: time,
      },
      over,
      signal,
    );
    this.see(written);
    this.renewedAtMs = sentAtMs;
  }

  private see(record: LeaseRecord | undefined): void {
    if (record?.resourceVersion !== this.record?.resourceVersion) this.seenAtMs = this.world.clock.nowMs();
    this.record = record;
  }

  /** Lets the next one in at once; if it fails, the Lease runs out by itself. */
  private async release(): Promise<void> {
    const { record } = this;
    const mayHold = record?.holder === this.identity;
    this.isReleased = true;
    this.tell();
    if (!mayHold) return;
    const { wall, timings, log } = this.world;
    const time = microTime(wall.nowMs());
    const limit = AbortSignal.timeout(timings.renewSeconds * SECOND_MS);
    try {
      this.record = await this.store.write(
        { ...record, holder: '', durationSeconds: 1, renewTime: time, acquireTime: time },
        record,
        limit,
      );
    } catch (error) {
      log.warning('the lease could not be released; it runs out by itself', { reason: messageOf(error) });
    }
  }

  private tell(): void {
    const isLeader = this.isLeader();
    if (isLeader === this.wasLeader) return;
    this.wasLeader = isLeader;
    this.world.log.info(isLeader ? 'leading' : 'not leading', { identity: this.identity });
    try {
      this.world.onChange(isLeader);
    } catch (error) {
      this.world.log.error('the listener of an election threw', { error });
    }
  }

  private note(error: unknown): void {
    const code = isMlschedError(error) ? error.code : messageOf(error);
    // Two candidates that try together are no fault.
    if (code === 'MLS_KUBERNETES_CONFLICT' || code === this.lastProblem) return;
    this.lastProblem = code;
    this.world.log.warning('the lease cannot be read or written', { code, reason: messageOf(error) });
  }
}
