import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { createManualClock } from '#kernel/clock';
import { silentLog } from '#kernel/log';
import { DAY_MS } from '#kernel/units';

import { START_MS } from '../test-fixtures.ts';
import { explainRecords } from './explain.ts';
import { createJournal } from './journal.ts';
import { listSegments, listWals } from './layout.ts';
import { decodeLines, encodeLine } from './lines.ts';
import { readJournal } from './read.ts';
import type { BoundRecord, OutcomeRecord } from './record.ts';
import { expireSegments, sealJournal } from './segments.ts';
import { createJournalWriter } from './writer.ts';

function aBound(name: string, atMs = START_MS): BoundRecord {
  return {
    schemaVersion: 1,
    kind: 'bound',
    atMs,
    replica: 'one',
    decisionId: null,
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
    node: 'a',
    schedulerName: 'default-scheduler',
    agreed: null,
    regret: null,
    rank: null,
  };
}

async function aDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mlsched-journal-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('a line that was cut off or changed is left out, and counted', () => {
  const lines = [encodeLine(aBound('p')), encodeLine(aBound('q')), encodeLine(aBound('r')).slice(0, 40)];
  const changed = lines[1]?.replace('"node":"a"', '"node":"b"') ?? '';
  const { documents, damaged } = decodeLines([lines[0], changed, lines[2]].join(''));
  assert.equal(documents.length, 1);
  assert.equal(damaged, 2);
});

test('what was appended is read again: from lines, from segments, and while one becomes the other', async (t) => {
  const directory = await aDirectory(t);
  const clock = createManualClock(START_MS);
  const options = { directory, replica: 'one', clock, log: silentLog, flushMs: 1 };
  const closed: string[] = [];
  const writer = createJournalWriter({ ...options, onClosed: (path) => closed.push(path) });
  for (let i = 0; i < 300; i++) writer.append(aBound(`p${i}`, START_MS + i));
  while (writer.queued > 0 || (await listWals(directory)).length === 0) await sleep(10);
  await sleep(100);
  clock.advance(DAY_MS);
  writer.append(aBound('next-day', START_MS + DAY_MS));
  await writer.close();
  assert.equal(closed.length, 2);
  const names = async (): Promise<number> => (await readJournal({ directory })).length;
  assert.equal(await names(), 301);
  const [first = ''] = closed;
  const content = await readFile(first);
  await sealJournal(directory, [first]);
  assert.equal((await listSegments(directory)).length, 1);
  assert.equal(await names(), 301);
  // Killed between writing the segment and removing the lines.
  await writeFile(first, content);
  assert.equal(await names(), 301);
  const only = await readJournal({ directory, pod: 'shop/next-day' });
  assert.deepEqual(
    only.map(({ atMs }) => atMs),
    [START_MS + DAY_MS],
  );
  await rm(first);
  assert.equal(await expireSegments(directory, 1, START_MS + 3 * DAY_MS), 1);
  assert.equal(await names(), 1);
});

test('a disk that stalls costs records, which are counted, and never the caller', async () => {
  const clock = createManualClock(START_MS);
  let release = (): void => undefined;
  const stalled = new Promise<void>((resolve) => {
    release = resolve;
  });
  const written: string[] = [];
  const writer = createJournalWriter({
    directory: '/nowhere',
    replica: 'one',
    clock,
    log: silentLog,
    flushMs: 1,
    queueLimit: 100,
    openSink: () =>
      Promise.resolve({
        async append(text) {
          await stalled;
          written.push(text);
        },
        close: () => Promise.resolve(),
      }),
  });
  writer.append(aBound('first'));
  await sleep(30);
  const began = performance.now();
  for (let i = 0; i < 500; i++) writer.append(aBound(`p${i}`));
  assert.ok(performance.now() - began < 1000);
  assert.equal(writer.queued, 100);
  assert.equal(writer.dropped, 400);
  release();
  await writer.close();
  assert.equal(written.join('').trim().split('\n').length, 101);
});

test('a full disk keeps the records until there is room again', async () => {
  const clock = createManualClock(START_MS);
  let failures = 2;
  const parts: string[] = [];
  const writer = createJournalWriter({
    directory: '/nowhere',
    replica: 'one',
    clock,
    log: silentLog,
    flushMs: 1,
    openSink: () =>
      Promise.resolve({
        append(text) {
          if (failures-- > 0) return Promise.reject(new Error('ENOSPC: no space left on device'));
          parts.push(text);
          return Promise.resolve();
        },
        close: () => Promise.resolve(),
      }),
  });
  for (let i = 0; i < 10; i++) writer.append(aBound(`p${i}`));
  for (let i = 0; i < 400 && parts.length === 0; i++) await sleep(50);
  await writer.close();
  assert.equal(decodeLines(parts.join('')).documents.length, 10);
  assert.equal(writer.dropped, 0);
});

test('what an earlier life left behind is sealed at the next start', async (t) => {
  const directory = await aDirectory(t);
  const clock = createManualClock(START_MS);
  const options = { directory, replica: 'one', clock, log: silentLog, flushMs: 1 };
  const writer = createJournalWriter(options);
  writer.append(aBound('p'));
  await writer.close();
  const [wal = ''] = await listWals(directory);
  await appendFile(wal, encodeLine(aBound('torn')).slice(0, 30));
  const journal = createJournal({ ...options, keepDays: 30 });
  for (let i = 0; i < 200 && (await listSegments(directory)).length === 0; i++) await sleep(50);
  await journal.close();
  assert.deepEqual(await listWals(directory), []);
  assert.equal((await readJournal({ directory })).length, 1);
});

test('a process that is killed while it writes loses no line that was on the disk', async (t) => {
  const directory = await aDirectory(t);
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'crash.worker.ts'), directory],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let seen = 0;
  for await (const chunk of child.stdout) {
    seen += String(chunk).split('\n').length - 1;
    if (seen > 5) break;
  }
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const records = await readJournal({ directory });
  assert.ok(records.length >= seen * 20, `${records.length} records of at least ${seen * 20}`);
  const numbers = records.map((record) => (record.kind === 'bound' ? Number(record.name) : Number.NaN));
  assert.deepEqual(
    numbers,
    Array.from(numbers, (_, i) => i),
  );
  assert.equal((await readdir(join(directory, 'open'))).length, 1);
});

test('a decision is brought together with its node and outcome; a pod of others is marked so', () => {
  const outcome: OutcomeRecord = {
    schemaVersion: 1,
    kind: 'outcome',
    atMs: START_MS,
    replica: 'one',
    decisionId: 'd',
    arm: 'shadow',
    node: 'a',
    preferredNode: 'a',
    predictedCpuRatio: 0.5,
    realisedCpuRatio: 0.4,
    preferredRealisedCpuRatio: 0.4,
    wasOverloaded: false,
  };
  const found = explainRecords([aBound('p'), outcome]);
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ['not-scored-by-us'],
  );
});
