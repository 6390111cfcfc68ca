import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describeStore, openHistoryStore, queryStore, readLoadSeries } from '#collect';
import { createRng } from '#kernel/rng';
import { FAKE_NODES, fakeMemoryRatio } from '../../src/collect/live-fixture.ts';

const WORKER = join(import.meta.dirname, '../../src/collect/live-crash.worker.ts');
const COLLECT = join(import.meta.dirname, '../../src/collect/index.ts');
const KILLS = 200;
const LANES = 2;
const STEP_MS = 30_000;
const START_MS = Date.UTC(2026, 0, 5, 6);

/** When to kill: so long after so many rounds, however slow the machine is; `rounds` 0 is while it opens the store. */
interface Fate {
  readonly rounds: number;
  readonly delayMs: number;
}

function drawFate(rng: { int(below: number): number }): Fate {
  return rng.int(5) === 0
    ? { rounds: 0, delayMs: 50 + rng.int(200) }
    : { rounds: 1 + rng.int(6), delayMs: rng.int(20) };
}

/** Most of a short life would be spent on compiling. */
function withCompileCache(folder: string): NodeJS.ProcessEnv {
  return { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compile-cache') };
}

/** Who is killed leaves no compiled code behind: one process that ends by itself does it for all. */
async function warmCompileCache(folder: string): Promise<void> {
  const load = `await import(${JSON.stringify(pathToFileURL(COLLECT).href)})`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', load], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: withCompileCache(folder),
  });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0);
}

/** Runs the collector until it is killed; answers how far it said the store reached, NaN when it said nothing. */
async function runAndKill(store: string, seed: number, { rounds, delayMs }: Fate): Promise<number> {
  const child = spawn(process.execPath, [WORKER, store, String(START_MS), String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: withCompileCache(join(store, '..')),
  });
  let output = '';
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const due = new Promise<void>((resolve) => {
    if (rounds === 0) resolve();
    child.stdout.on('data', (text: Buffer) => {
      output += text.toString();
      if (output.split('\n').length > rounds) resolve();
    });
  });
  await Promise.race([due, closed]);
  await sleep(delayMs);
  child.kill('SIGKILL');
  assert.equal(await closed, null, 'the collector must run until it is killed');
  // A line that was cut off is no promise.
  const said = output
    .slice(0, output.lastIndexOf('\n') + 1)
    .trim()
    .split('\n');
  return said.at(-1) === '' ? NaN : Number(said.at(-1));
}

/** Rows, different keys and the newest time, as any reader would see them. */
async function countRows(store: string): Promise<{ rows: number; keys: number; newestMs: number }> {
  const { rows } = await queryStore(
    store,
    'SELECT count(*), count(DISTINCT (machine, time)), epoch_ms(max(time)) FROM nodes',
    1,
  );
  const [all, keys, newest] = rows[0] ?? [];
  return { rows: Number(all), keys: Number(keys), newestMs: Number(newest) };
}

async function crashAgainAndAgain(store: string, kills: number, seed: number): Promise<void> {
  const rng = createRng(seed);
  let promisedMs = -Infinity;
  for (let kill = 0; kill < kills; kill++) {
    const saidMs = await runAndKill(store, seed * 1000 + kill, drawFate(rng));
    if (!Number.isNaN(saidMs)) promisedMs = saidMs;
    if (promisedMs === -Infinity) continue;
    // What any reader beside or after the writer is told.
    const { coveredTo } = await describeStore(store, promisedMs);
    assert.ok(
      Date.parse(coveredTo ?? '') >= promisedMs,
      `kill ${kill}: ${promisedMs} was stored, ${coveredTo} is left`,
    );
    if (kill % 10 !== 0) continue;
    const found = await countRows(store);
    assert.equal(
      found.newestMs,
      Date.parse(coveredTo ?? ''),
      `kill ${kill}: rows that are promised are not there`,
    );
    assert.equal(found.rows, found.keys, `kill ${kill}: a row is there twice`);
  }
  await assertWhole(store);
}

/** Every step of every node is there once, with the number that its time stands for. */
async function assertWhole(store: string): Promise<void> {
  const writer = await openHistoryStore(store, { source: 'prometheus', stepSeconds: 30 });
  assert.deepEqual(writer.damagedFiles, []);
  await writer.close();
  const files = await readdir(store, { recursive: true });
  assert.deepEqual(
    files.filter((name) => name.endsWith('.tmp') || name.endsWith('.wal')),
    [],
  );
  const series = await readLoadSeries(store);
  const { newestMs } = await countRows(store);
  const firstMs = Math.floor(START_MS / 86_400_000) * 86_400_000 + STEP_MS;
  assert.deepEqual(
    series.map(({ machine }) => machine),
    [...FAKE_NODES],
  );
  for (const { machine, timesMs, cpuUsageRatio, memoryUsageRatio } of series) {
    assert.equal(timesMs.length, (newestMs - firstMs) / STEP_MS + 1);
    for (let row = 0; row < timesMs.length; row++) {
      const timeMs = timesMs[row] as number;
      assert.equal(timeMs, firstMs + row * STEP_MS);
      assert.equal(cpuUsageRatio[row], 0.5);
      assert.equal(memoryUsageRatio?.[row], Math.fround(1 - (1 - fakeMemoryRatio(machine, timeMs))));
    }
  }
}

test(`${KILLS} kills -9 of live collection: nothing stored is lost, doubled or corrupt`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mlsched-crash-'));
  try {
    await warmCompileCache(folder);
    const lanes = Array.from({ length: LANES }, (_, lane) =>
      crashAgainAndAgain(join(folder, `store-${lane}`), KILLS / LANES, lane + 1),
    );
    await Promise.all(lanes);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
