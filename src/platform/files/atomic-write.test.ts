import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createRng } from '#kernel/rng';
import { describeParquet, readParquetColumns, removeAbandoned, sha256, writeFileAtomic } from './index.ts';
import { translateFault } from './errors.ts';

const CHILD = join(import.meta.dirname, 'crash-child.worker.ts');
const KILLS = 40;
let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlsched-files-'));
});
after(async () => rm(folder, { recursive: true, force: true }));

async function killWhileWriting(mode: string, target: string, delayMs: number): Promise<void> {
  const child = spawn(process.execPath, [CHILD, mode, target], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const started = new Promise((resolve) => child.stdout.once('data', resolve));
  await Promise.race([
    started,
    exited.then(() => assert.fail('the child ended before it had written anything')),
  ]);
  await sleep(delayMs);
  child.kill('SIGKILL');
  await exited;
}

async function assertWholeText(target: string): Promise<void> {
  const text = await readFile(target, 'utf8');
  const lineEnd = text.indexOf('\n');
  assert.equal(text.slice(0, lineEnd), sha256(text.slice(lineEnd + 1)));
}

async function assertWholeTable(target: string): Promise<void> {
  const table = await describeParquet(target);
  const data = await readParquetColumns(table, ['value', 'round']);
  const round = Number(data.texts.get('round')?.dictionary[0]);
  const values = data.numbers.get('value') ?? new Float64Array();
  assert.equal(values.length, 50_000 + ((round * 7919) % 400_000));
  assert.equal(values.at(-1), round + (values.length - 1) * Math.SQRT2);
}

for (const { mode, check, spreadMs } of [
  { mode: 'json', check: assertWholeText, spreadMs: 30 },
  { mode: 'parquet', check: assertWholeTable, spreadMs: 150 },
]) {
  test(`a ${mode} target is whole after each of ${KILLS / 2} kills at random moments`, async () => {
    const directory = join(folder, `crash-${mode}`);
    await mkdir(directory);
    const target = join(directory, 'target');
    const rng = createRng(1);
    let leftBehind = 0;
    for (let kill = 0; kill < KILLS / 2; kill++) {
      await killWhileWriting(mode, target, rng.next() * spreadMs);
      await check(target);
      leftBehind += (await readdir(directory)).length - 1;
    }

    assert.ok(leftBehind > 0, 'no kill hit a write: the test proves nothing');
    await removeAbandoned(directory);
    assert.deepEqual(await readdir(directory), ['target']);
  });
}

for (const mode of ['json-once', 'parquet-once']) {
  test(`${mode}: a full disk is named, the old content stays, no temporary file is left`, async () => {
    const directory = join(folder, `full-${mode}`);
    await mkdir(directory);
    const target = join(directory, 'target');
    await writeFile(target, 'old');
    // A file size limit of 64 KiB fails the write as a full disk does, and needs no privilege.
    const command = `ulimit -f 64 && exec "$0" "$@"`;
    const { stdout } = await promisify(execFile)('bash', [
      '-c',
      command,
      process.execPath,
      CHILD,
      mode,
      target,
    ]);

    assert.equal(stdout, 'MLS_FILES_DISK_FULL');
    assert.equal(await readFile(target, 'utf8'), 'old');
    assert.deepEqual(await readdir(directory), ['target']);
  });
}

test('removes what dead processes left and keeps what may still be written', async () => {
  const directory = join(folder, 'sweep');
  await mkdir(directory);
  const host = hostname().replace(/[^A-Za-z0-9-]/g, '-');
  const deadPid = 2 ** 22 + 1;
  const names = {
    dead: `.a.mlsched-${host}-${deadPid}-0123456789ab.tmp`,
    alive: `.a.mlsched-${host}-${process.ppid}-0123456789ab.tmp`,
    elsewhere: `.a.mlsched-elsewhere-7-0123456789ab.tmp`,
    elsewhereOld: `.b.mlsched-elsewhere-7-0123456789ab.tmp`,
    foreign: `.somebody-elses.tmp`,
  };
  for (const name of Object.values(names)) await writeFile(join(directory, name), '');
  const twoHoursAgo = new Date(Date.now() - 7_200_000);
  await utimes(join(directory, names.elsewhereOld), twoHoursAgo, twoHoursAgo);

  await writeFileAtomic(join(directory, 'target'), 'new');

  assert.deepEqual(
    (await readdir(directory)).sort(),
    [names.alive, names.elsewhere, names.foreign, 'target'].sort(),
  );
});

test('creates missing folders and replaces what was there', async () => {
  const target = join(folder, 'a/b/target');

  await writeFileAtomic(target, 'first');
  await writeFileAtomic(target, new TextEncoder().encode('second'));

  assert.equal(await readFile(target, 'utf8'), 'second');
  assert.deepEqual(await readdir(join(folder, 'a/b')), ['target']);
});

test('a folder in the place of the target is an error and loses nothing', async () => {
  const target = join(folder, 'occupied');
  await mkdir(join(target, 'inside'), { recursive: true });

  await assert.rejects(writeFileAtomic(target, 'x'), { code: 'MLS_FILES_IO' });
  assert.deepEqual(await readdir(target), ['inside']);
});

for (const { code, expected } of [
  { code: 'ENOSPC', expected: 'MLS_FILES_DISK_FULL' },
  { code: 'EDQUOT', expected: 'MLS_FILES_DISK_FULL' },
  { code: 'EACCES', expected: 'MLS_FILES_PERMISSION' },
  { code: 'EROFS', expected: 'MLS_FILES_PERMISSION' },
  { code: 'EIO', expected: 'MLS_FILES_IO' },
]) {
  test(`${code} becomes ${expected}`, () => {
    const fault = Object.assign(new Error(`${code}: broken`), { code });

    assert.equal(translateFault('/data/x', fault).code, expected);
    assert.match(translateFault('/data/x', fault).message, /\/data\/x/);
  });
}

test('a folder that nobody may write to is named', async () => {
  // Not even root creates files here.
  const target = '/sys/kernel/mlsched-target';

  await assert.rejects(writeFileAtomic(target, 'x'), {
    code: 'MLS_FILES_PERMISSION',
    message: /\/sys\/kernel/,
  });
});
