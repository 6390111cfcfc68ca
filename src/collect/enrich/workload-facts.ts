import { dirname } from 'node:path';
import type { ObservedPod } from '#domain';
import type { Clock } from '#kernel/clock';
import { DAY_MS, MINUTE_MS } from '#kernel/units';
import { acquireFolderLock, openRecordLog, replaceFile } from '#platform/files';
import type { FolderLock, RecordLog } from '#platform/files';
import type { WatchEvent } from '#platform/kubernetes';
import { dayOf, startOfDay } from '../store/manifest.ts';
import { factsOfDay, journalPath, replayJournal, writeFactDay } from './fact-files.ts';
import { factOf, isSameFact } from './workload-fact.ts';
import type { FactEnd, JournalLine, WorkloadFact } from './workload-fact.ts';

/**
 * Keeps what each pod was, from when to when, beside the history of a store: `workloads/journal.log` of the present day
 * and `workloads/DAY.parquet`, UTC, of those before. Facts are only ever added; an end completes its fact.
 */
export interface WorkloadFacts {
  /** Facts that hold now. */
  readonly openCount: number;
  /** Takes in changes of the pods, in memory. */
  apply(events: readonly WatchEvent<ObservedPod>[]): void;
  /** Every pod that is there has been told: what was open before and was not told has ended unseen. */
  synced(): void;
  /** The fact of a pod that holds now; undefined = unknown. */
  current(podUid: string): WorkloadFact | undefined;
  /**
   * Writes what was taken in to the disk, and closes days that are over. Calls must not overlap.
   *
   * @param heardAtMs - Wall time at which the API server was last heard of, undefined if never.
   * @throws MlschedError `MLS_FILES_*`; nothing is lost, the next call writes it.
   */
  flush(heardAtMs?: number): Promise<void>;
  close(): Promise<void>;
}

export interface OpenFactsOptions {
  /** Folder of the store. */
  readonly directory: string;
  /** Wall clock. */
  readonly clock: Clock;
}

/**
 * Opens the facts of a store. What a crash left half-written is cut off; what was open stays open until `synced`.
 *
 * @throws MlschedError `MLS_COLLECT_BAD_JOURNAL`, `MLS_FILES_TAKEN` when another process writes them, `MLS_FILES_*`.
 */
export async function openWorkloadFacts({ directory, clock }: OpenFactsOptions): Promise<WorkloadFacts> {
  const lock = await acquireFolderLock(dirname(journalPath(directory)), 'facts on workloads');
  try {
    const { facts, lastMs } = await replayJournal(directory);
    const journal = await openRecordLog(journalPath(directory));
    const open = [...facts.values()].filter(({ validToMs }) => validToMs === undefined);
    return new Recorder({ directory, clock, journal, lock, open, lastMs });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

interface RecorderState extends OpenFactsOptions {
  readonly journal: RecordLog;
  readonly lock: FolderLock;
  readonly open: readonly WorkloadFact[];
  readonly lastMs: number | undefined;
}

class Recorder implements WorkloadFacts {
  private readonly directory: string;
  private readonly clock: Clock;
  private journal: RecordLog;
  private readonly lock: FolderLock;
  private readonly open = new Map<string, WorkloadFact>();
  /** Open facts of an earlier run that nobody has confirmed yet. */
  private readonly unconfirmed = new Set<string>();
  private pending: JournalLine[] = [];
  private lastMs: number | undefined;
  private writtenMs = 0;
  private dayMs: number | undefined;

  constructor({ directory, clock, journal, lock, open, lastMs }: RecorderState) {
    this.directory = directory;
    this.clock = clock;
    this.journal = journal;
    this.lock = lock;
    this.lastMs = lastMs;
    this.dayMs = lastMs === undefined ? undefined : startOfDay(lastMs);
    for (const fact of open) {
      this.open.set(fact.podUid, fact);
      this.unconfirmed.add(fact.podUid);
    }
  }

  get openCount(): number {
    return this.open.size;
  }

  current(podUid: string): WorkloadFact | undefined {
    return this.open.get(podUid);
  }

  apply(events: readonly WatchEvent<ObservedPod>[]): void {
    for (const event of events) {
      if (event.type === 'removed') this.finish(event.uid, this.clock.nowMs(), 'deleted');
      else this.take(event.object);
    }
  }

  synced(): void {
    for (const uid of this.unconfirmed) this.finish(uid, this.lastMs ?? this.clock.nowMs(), 'unseen');
    this.unconfirmed.clear();
  }

  async flush(heardAtMs?: number): Promise<void> {
    const nowMs = this.clock.nowMs();
    if (heardAtMs !== undefined && heardAtMs - this.writtenMs >= MINUTE_MS) {
      this.pending.push({ t: 'seen', atMs: heardAtMs });
      this.writtenMs = heardAtMs;
    }
    const lines = this.pending;
    if (lines.length > 0) await this.journal.append(lines.map(encode));
    this.pending = this.pending.slice(lines.length);
    this.lastMs = Math.max(this.lastMs ?? 0, heardAtMs ?? 0, nowMs);
    this.dayMs ??= startOfDay(nowMs);
    if (startOfDay(nowMs) > this.dayMs) await this.closeDays(this.dayMs, startOfDay(nowMs));
  }

  async close(): Promise<void> {
    await this.journal.close();
    await this.lock.release();
  }

  private take(pod: ObservedPod): void {
    const nowMs = this.clock.nowMs();
    const held = this.open.get(pod.uid);
    this.unconfirmed.delete(pod.uid);
    // A pod that is seen for the first time has been so since it was started; later changes are of this moment.
    const fact = factOf(pod, held === undefined ? (pod.startedAtMs ?? pod.createdAtMs ?? nowMs) : nowMs);
    if (fact === undefined) {
      this.finish(pod.uid, nowMs, pod.phase === 'Failed' ? 'failed' : 'succeeded');
      return;
    }
    if (held === undefined) {
      this.write(fact);
      return;
    }
    if (isSameFact(held, fact)) {
      if (held.startedAtMs === fact.startedAtMs) return;
      this.write({ ...held, startedAtMs: fact.startedAtMs });
      return;
    }
    this.finish(pod.uid, nowMs, 'changed');
    this.write(fact);
  }

  private write(fact: WorkloadFact): void {
    this.open.set(fact.podUid, fact);
    this.pending.push({ t: 'fact', fact });
  }

  private finish(podUid: string, atMs: number, end: FactEnd): void {
    const held = this.open.get(podUid);
    if (held === undefined) return;
    this.open.delete(podUid);
    const { validFromMs } = held;
    this.pending.push({ t: 'end', podUid, validFromMs, atMs: Math.max(atMs, validFromMs), end });
  }

  /** Writes the days that are over, then begins the journal anew. Killed in between, the next run does it again. */
  private async closeDays(fromMs: number, todayMs: number): Promise<void> {
    const facts = [...(await replayJournal(this.directory)).facts.values()];
    for (let dayMs = fromMs; dayMs < todayMs; dayMs += DAY_MS) {
      const ofDay = factsOfDay(facts, dayMs);
      if (ofDay.length > 0) await writeFactDay(this.directory, dayOf(dayMs), ofDay);
    }
    const lines = factsOfDay(facts, todayMs).map((fact): JournalLine => ({ t: 'fact', fact }));
    lines.push({ t: 'seen', atMs: this.clock.nowMs() });
    await this.journal.close();
    const path = journalPath(this.directory);
    await replaceFile(path, async (temporary) => {
      const renewed = await openRecordLog(temporary);
      await renewed.append(lines.map(encode));
      await renewed.close();
    });
    this.journal = await openRecordLog(path);
    this.dayMs = todayMs;
  }
}

function encode(line: JournalLine): Buffer {
  return Buffer.from(JSON.stringify(line));
}
