import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { MlschedError } from '#kernel/errors';
import { silentLog } from '#kernel/log';
import { createRng } from '#kernel/rng';
import type { Rng } from '#kernel/rng';
import { electOver } from './leader-elector.ts';
import type { LeaderElector } from './leader-elector.ts';
import type { LeaseRecord, LeaseStore } from './lease-store.ts';

const TIMINGS = { leaseSeconds: 15, renewSeconds: 10, retrySeconds: 2 };
const CALL_TIMEOUT_MS = 5000;

/** Time that moves only when nothing else is left to do at this moment. */
class World {
  nowMs = 0;
  private readonly queue: { atMs: number; wake: () => void }[] = [];

  at(delayMs: number, wake: () => void): void {
    this.queue.push({ atMs: this.nowMs + delayMs, wake });
    this.queue.sort((a, b) => a.atMs - b.atMs);
  }

  async runUntil(endMs: number, afterEach: () => void): Promise<void> {
    for (;;) {
      // Lets everything that is ready go on before time does.
      await setImmediate();
      afterEach();
      const next = this.queue[0];
      if (next === undefined || next.atMs > endMs) break;
      this.queue.shift();
      this.nowMs = next.atMs;
      next.wake();
    }
    this.nowMs = endMs;
  }
}

/** The API server: one record, guarded by its version. */
class Server {
  record: LeaseRecord | undefined;
  private version = 0;

  write(record: Omit<LeaseRecord, 'resourceVersion'>, replaces: LeaseRecord | undefined): LeaseRecord {
    if (this.record?.resourceVersion !== replaces?.resourceVersion) {
      throw new MlschedError('MLS_KUBERNETES_CONFLICT', 'somebody was faster', { kind: 'conflict' });
    }
    this.record = { ...record, resourceVersion: String(++this.version) };
    return this.record;
  }
}

/** A line to the server on which a request or an answer can be lost or late. */
function lineTo(server: Server, world: World, rng: Rng, isCut: () => boolean): LeaseStore {
  const call = <T>(apply: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const lose = (): boolean => isCut() || rng.next() < 0.05;
      world.at(CALL_TIMEOUT_MS, () =>
        reject(new MlschedError('MLS_KUBERNETES_TIMEOUT', 'late', { kind: 'timeout' })),
      );
      if (lose()) return;
      // Some requests arrive long after their sender gave up.
      world.at(rng.next() < 0.05 ? rng.int(30_000) : rng.int(300), () => {
        let answer: () => void;
        try {
          const value = apply();
          answer = () => resolve(value);
        } catch (error) {
          answer = () => reject(error as Error);
        }
        if (!lose()) world.at(rng.int(300), answer);
      });
    });
  return {
    read: () => call(() => server.record),
    write: (record, replaces) => call(() => server.write(record, replaces)),
  };
}

interface Candidate {
  readonly elector: LeaderElector;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

function start(server: Server, world: World, rng: Rng, faults: { isOver: boolean; cut: boolean }): Candidate {
  // Clocks of different machines run at slightly different speeds.
  const speed = 1 + (rng.next() - 0.5) * 0.04;
  const offsetMs = rng.int(1e9);
  const line = lineTo(server, world, rng.fork('line'), () => !faults.isOver && faults.cut);
  const elector = electOver(line, {
    timings: TIMINGS,
    identity: `candidate-${rng.int(1e9)}`,
    log: silentLog,
    onChange: () => undefined,
    clock: { nowMs: () => offsetMs + world.nowMs * speed },
    wall: { nowMs: () => rng.int(2e12) },
    random: () => rng.next(),
    sleep: (ms, signal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
        // A process can be held up for long: a pause of its machine.
        const heldMs = !faults.isOver && rng.next() < 0.03 ? rng.int(40_000) : 0;
        world.at(ms + heldMs, resolve);
      }),
  });
  const stop = new AbortController();
  return { elector, stop, ended: elector.run(stop.signal) };
}

test('whatever is lost, late, cut off or held up, there are never two leaders, and one comes back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 2, max: 5 }), async (seed, count) => {
      const rng = createRng(seed);
      const world = new World();
      const server = new Server();
      const faults = Array.from({ length: count }, () => ({ isOver: false, cut: false }));
      const candidates = faults.map((fault, at) => start(server, world, rng.fork(`candidate ${at}`), fault));
      const leaders = (): number => candidates.filter(({ elector }) => elector.isLeader()).length;
      const check = (): void => assert.ok(leaders() <= 1, `two leaders at ${world.nowMs} ms`);
      let everLed = false;
      for (let minute = 1; minute <= 12; minute++) {
        for (const fault of faults) fault.cut = rng.next() < 0.3;
        await world.runUntil(minute * 30_000, () => {
          check();
          everLed ||= leaders() === 1;
        });
      }
      for (const fault of faults) fault.isOver = true;
      await world.runUntil(world.nowMs + 120_000, check);
      // Losses go on even now, so a leader is looked for over a while.
      let ledAtEnd = false;
      await world.runUntil(world.nowMs + 60_000, () => {
        check();
        ledAtEnd ||= leaders() === 1;
      });
      assert.ok(everLed && ledAtEnd);
      for (const { stop } of candidates) stop.abort();
      await world.runUntil(world.nowMs + 60_000, () => undefined);
      await Promise.all(candidates.map(({ ended }) => ended));
      assert.equal(leaders(), 0);
    }),
    { numRuns: 60 },
  );
});

test('a leader that stops lets the next one in at once', async () => {
  const world = new World();
  const server = new Server();
  const calm = { isOver: true, cut: false };
  const quiet: Rng = { ...createRng(1), next: () => 0.5, int: () => 1 };
  const first = start(server, world, { ...quiet, fork: () => quiet, int: () => 7 }, calm);
  await world.runUntil(5000, () => undefined);
  assert.ok(first.elector.isLeader());
  const second = start(server, world, { ...quiet, fork: () => quiet, int: () => 8 }, calm);
  await world.runUntil(10_000, () => undefined);
  assert.equal(second.elector.isLeader(), false);
  assert.equal(second.elector.holder(), first.elector.identity);

  first.stop.abort();
  await world.runUntil(16_000, () => undefined);

  assert.equal(first.elector.isLeader(), false);
  assert.ok(second.elector.isLeader(), 'far before the 15 s of the lease are over');
  assert.equal(server.record?.transitions, 1);
  second.stop.abort();
  await world.runUntil(20_000, () => undefined);
});

test('a leader that is cut off knows by itself that it no longer leads', async () => {
  const world = new World();
  const server = new Server();
  const quiet: Rng = { ...createRng(1), next: () => 0.5, int: () => 1 };
  const faults = { isOver: false, cut: false };
  const leader = start(server, world, { ...quiet, fork: () => quiet }, faults);
  await world.runUntil(5000, () => undefined);
  assert.ok(leader.elector.isLeader());
  faults.cut = true;
  await world.runUntil(17_000, () => undefined);
  assert.equal(leader.elector.isLeader(), false);
  faults.cut = false;
  await world.runUntil(30_000, () => undefined);
  assert.ok(leader.elector.isLeader());
  leader.stop.abort();
  await world.runUntil(60_000, () => undefined);
});
