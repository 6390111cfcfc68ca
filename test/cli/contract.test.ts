import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeParquet } from '#platform/files';
import type { WriteColumn } from '#platform/files';
import { parseEnvelope, ROOT, runCli } from './run-cli.ts';

const scratch = mkdtempSync(join(tmpdir(), 'mlsched-cli-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const SAMPLE_LOAD = join(ROOT, 'data/sample/smd-nodes');

function freshFolder(name: string): string {
  return mkdtempSync(join(scratch, `${name}-`));
}

/** Every row of one machine named a. */
function machineColumn(rows: number): WriteColumn {
  return { name: 'machine', type: 'text', values: { codes: new Int32Array(rows), dictionary: ['a'] } };
}

test('npx finds the command from the repository root', () => {
  const text = execFileSync('npx', ['mlsched', 'version', '-o', 'json'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

  assert.equal((JSON.parse(text) as { command: string }).command, 'version');
});

test('a command that works answers one JSON document and exits with 0', async () => {
  const answer = await runCli(['features', 'list', '-o', 'json']);

  const envelope = parseEnvelope(answer);
  assert.equal(answer.exitCode, 0);
  assert.deepEqual(
    [envelope.schemaVersion, envelope.command, envelope.status, envelope.error],
    [1, 'features list', 'ok', null],
  );
  assert.ok((envelope.data as { count: number }).count >= 50);
});

test('a report that cannot be written is refused before anything is simulated; one that can holds the plots', async () => {
  const refused = await runCli(['simulate', '--report', join(scratch, 'no/such/folder.html'), '-o', 'json']);
  const scenario = join(scratch, 'short.yaml');
  writeFileSync(
    scenario,
    JSON.stringify({
      name: 'short',
      description: 'Four hosts, one hour.',
      nodeGroups: [{ count: 4, cpuMillicores: 16_000, memoryGib: 64 }],
      bursts: [{ atMinutes: [10], pods: 8, lifetimeMinutes: 20 }],
      measuredMinutes: 60,
      warmUpMinutes: 60,
      takeOverMinutes: 30,
    }),
  );
  const report = join(scratch, 'short.html');
  const words = ['--scenario', scenario, '--policies', 'random,stock', '--seeds', '2', '--report', report];
  const done = await runCli(['simulate', '--data', join(ROOT, 'data/sample'), ...words]);

  assert.equal(refused.exitCode, 1);
  assert.equal(parseEnvelope(refused).error?.code, 'MLS_CLI_REPORT_PATH');
  assert.equal(done.exitCode, 0, done.stderr);
  assert.match(done.stdout, /BURST PEAK \/ MEAN/);
  assert.match(readFileSync(report, 'utf8'), /<svg/);
});

const USAGE_ERRORS: readonly { name: string; args: readonly string[]; message: RegExp }[] = [
  {
    name: 'an unknown command',
    args: ['simulat', '-o', 'json'],
    message: /unknown command 'simulat'.*simulate/,
  },
  {
    name: 'an unknown flag',
    args: ['simulate', '--polices', 'stock', '-o', 'json'],
    message: /unknown option '--polices'.*--policies/,
  },
  {
    name: 'a number that is none',
    args: ['simulate', '--seeds', 'many', '-o', 'json'],
    message: /whole number/,
  },
  {
    name: 'a demand over 1',
    args: ['simulate', '--demand', '1.5', '-o', 'json'],
    message: /share between 0 and 1/,
  },
];
for (const { name, args, message } of USAGE_ERRORS) {
  test(`${name} is a usage error with exit code 2, also as JSON`, async () => {
    const answer = await runCli(args);

    const envelope = parseEnvelope(answer);
    assert.equal(answer.exitCode, 2);
    assert.equal(envelope.status, 'failed');
    assert.equal(envelope.error?.code, 'MLS_CLI_USAGE');
    assert.match(envelope.error?.message ?? '', message);
  });
}

test('a missing directory fails with 1 and says what to do, on standard error only', async () => {
  const answer = await runCli(['quality', '--data', join(scratch, 'nowhere')]);

  assert.equal(answer.exitCode, 1);
  assert.equal(answer.stdout, '');
  assert.match(answer.stderr, /MLS_CLI_DATA_MISSING.*nowhere[\s\S]*what to do/);
});

test('an empty directory is named in the error', async () => {
  const folder = freshFolder('empty');

  const envelope = parseEnvelope(await runCli(['quality', '--data', folder, '-o', 'json']));

  assert.equal(envelope.error?.code, 'MLS_COLLECT_NO_PARQUET');
  assert.match(envelope.error?.message ?? '', new RegExp(folder));
});

test('a truncated Parquet file is named in the error', async () => {
  const folder = freshFolder('truncated');
  cpSync(join(SAMPLE_LOAD, 'machine-1-2.parquet'), join(folder, 'cut.parquet'));
  truncateSync(join(folder, 'cut.parquet'), 5000);

  const answer = await runCli(['quality', '--data', folder, '-o', 'json']);

  assert.equal(answer.exitCode, 1);
  assert.match(parseEnvelope(answer).error?.message ?? '', /cut\.parquet/);
});

test('a missing column is named in the error', async () => {
  const folder = freshFolder('column');
  await writeParquet(join(folder, 'load.parquet'), [
    machineColumn(2),
    { name: 'cpu_usage_ratio', type: 'double', values: Float64Array.of(0.1, 0.2) },
  ]);

  const envelope = parseEnvelope(await runCli(['quality', '--data', folder, '-o', 'json']));

  assert.equal(envelope.error?.code, 'MLS_COLLECT_COLUMN_MISSING');
  assert.match(envelope.error?.message ?? '', /load\.parquet has no column time/);
});

test('quality below the bar is a finding with exit code 3', async () => {
  const folder = freshFolder('gaps');
  const minutes = Array.from({ length: 2000 }, (_, i) => i).filter((i) => i % 3 !== 0 || i < 10);
  await writeParquet(join(folder, 'load.parquet'), [
    machineColumn(minutes.length),
    { name: 'time', type: 'time', values: Float64Array.from(minutes, (i) => i * 60_000) },
    { name: 'cpu_usage_ratio', type: 'double', values: Float64Array.from(minutes, (i) => (i % 50) / 100) },
  ]);

  const answer = await runCli(['quality', '--data', folder, '-o', 'json']);

  assert.equal(answer.exitCode, 3);
  assert.equal(parseEnvelope(answer).status, 'finding');
});

test('a misspelled policy fails with 1 and the nearest name', async () => {
  const answer = await runCli(['simulate', '--policies', 'stok', '-o', 'json']);

  assert.equal(answer.exitCode, 1);
  assert.match(parseEnvelope(answer).error?.hint ?? '', /did you mean stock\?/);
});

test('simulate compares policies on paired seeds in the form of the contract', async () => {
  const answer = await runCli([
    'simulate',
    '--policies',
    'random,stock,peak-oracle',
    '--seeds',
    '2',
    '-o',
    'json',
    '--progress',
    'none',
  ]);

  const data = parseEnvelope(answer).data as {
    policies: Record<string, unknown>[];
    versusRandom: { rival: string; improvementRatio: number; ci95: [number, number] };
    versusBest: { rival: string };
  };
  assert.equal(answer.exitCode, 0);
  assert.equal(data.policies.length, 3);
  for (const key of [
    'policy',
    'overloadNodeMinutes80',
    'overloadNodeMinutes95',
    'lostCpuCoreHours',
    'oomKills',
    'p99NodeCpuRatio',
    'imbalanceRatio',
    'emptyNodesMean',
    'unschedulablePods',
    'decisionMicrosP99',
    'objective',
    'objectiveCi95',
  ]) {
    assert.ok(
      data.policies.every((policy) => key in policy),
      `${key} is missing`,
    );
  }
  assert.equal(data.versusRandom.rival, 'random');
  assert.notEqual(data.versusBest.rival, 'peak-oracle');
});

test('an interrupt ends the run with 130 within moments and leaves no process', async () => {
  const answer = await runCli(['simulate', '--policies', 'all', '--seeds', '50', '--progress', 'none'], {
    onStart: (child) => void sleep(2500).then(() => child.kill('SIGINT')),
  });

  assert.equal(answer.exitCode, 130);
  assert.equal(answer.stdout, '');
  assert.match(answer.stderr, /interrupted/);
});

test('a reader that closes early is no failure', () => {
  const run = spawnSync('bash', ['-c', 'set -o pipefail; bin/mlsched features list | head -1'], {
    cwd: ROOT,
    encoding: 'utf8',
  });

  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /^FEATURE/);
});

test('completion scripts are accepted by bash and offer the commands', () => {
  const script = execFileSync(join(ROOT, 'bin/mlsched'), ['completion', 'bash'], { encoding: 'utf8' });
  writeFileSync(join(scratch, 'completion.bash'), script);
  const probe = `source ${join(scratch, 'completion.bash')}; COMP_WORDS=(mlsched simu); COMP_CWORD=1; _mlsched; echo "\${COMPREPLY[*]}"`;

  assert.equal(execFileSync('bash', ['-c', probe], { encoding: 'utf8' }).trim(), 'simulate');
});
