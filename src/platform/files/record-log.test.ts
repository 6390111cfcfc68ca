import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as fc from 'fast-check';
import { acquireFolderLock, folderLockHolder, openRecordLog, readRecordLog } from './index.ts';

const folder = await mkdtemp(join(tmpdir(), 'mlsched-log-'));
after(() => rm(folder, { recursive: true, force: true }));

let logs = 0;

async function writeLog(records: readonly Uint8Array[]): Promise<string> {
  const path = join(folder, `${logs++}.wal`);
  const log = await openRecordLog(path);
  for (const record of records) await log.append([record]);
  await log.close();
  return path;
}

const texts = ['first', 'second, longer', 'third'].map((text) => Buffer.from(text));

async function readTexts(path: string): Promise<string[]> {
  return (await readRecordLog(path)).records.map(String);
}

test('records come back as they were added, also those of a second writer', async () => {
  const path = await writeLog(texts);
  const log = await openRecordLog(path);
  await log.append([Buffer.from('fourth'), Buffer.from('fifth')]);
  await log.close();

  assert.deepEqual(await readTexts(path), [...texts.map(String), 'fourth', 'fifth']);
  assert.equal((await readRecordLog(path)).state, 'whole');
});

test('cut anywhere, a log holds the records before the cut, and goes on behind them', async () => {
  const whole = await readFile(await writeLog(texts));
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), async (length) => {
      const path = join(folder, `cut-${logs++}.wal`);
      await writeFile(path, whole.subarray(0, length));
      const before = await readTexts(path);
      assert.deepEqual(before, texts.map(String).slice(0, before.length));

      const log = await openRecordLog(path);
      await log.append([Buffer.from('new')]);
      await log.close();
      assert.deepEqual(await readTexts(path), [...before, 'new']);
    }),
    { seed: 1, numRuns: 25 },
  );
});

test('a tail of zeros, as some file systems leave it, is torn and not a row of empty records', async () => {
  const path = await writeLog(texts);
  await appendFile(path, Buffer.alloc(64));

  const { records, state } = await readRecordLog(path);
  assert.deepEqual([records.length, state], [3, 'torn']);
});

test('a flipped bit in the middle is damage, not an end', async () => {
  const path = await writeLog(texts);
  const bytes = await readFile(path);
  bytes[10] = (bytes[10] as number) ^ 1;
  await writeFile(path, bytes);

  const { records, state } = await readRecordLog(path);
  assert.deepEqual([records.length, state], [0, 'damaged']);
});

test('a log that is not there is a clear error', async () => {
  await assert.rejects(readRecordLog(join(folder, 'none.wal')), { code: 'MLS_FILES_MISSING' });
});

test('a folder has one writer; the second one is told who it is', async () => {
  const directory = join(folder, 'locked');
  const lock = await acquireFolderLock(directory, 'a test');

  await assert.rejects(acquireFolderLock(directory, 'another'), {
    code: 'MLS_FILES_TAKEN',
    kind: 'conflict',
    message: new RegExp(`process ${process.pid} .*a test`),
  });
  assert.equal((await folderLockHolder(directory))?.purpose, 'a test');
  await lock.release();
  assert.equal(await folderLockHolder(directory), undefined);
  await (await acquireFolderLock(directory, 'the next')).release();
});
