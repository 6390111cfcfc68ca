import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openIncidentBook } from '#operations';
import { parseEnvelope, ROOT, runCli } from './run-cli.ts';

const scratch = mkdtempSync(join(tmpdir(), 'mlsched-cli-incidents-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const env = { env: { MLSCHED_HOME: scratch } };

interface Listed {
  readonly incidents: readonly {
    readonly id: string;
    readonly verdict: string | null;
    readonly what: string;
  }[];
}
interface Review {
  readonly precision: number | null;
  readonly judgedIncidents: number;
  readonly ci95: readonly [number, number];
}

test('incidents are listed, judged and reviewed', async () => {
  const empty = parseEnvelope(await runCli(['incidents', 'list', '-o', 'json'], env));
  assert.deepEqual((empty.data as Listed).incidents, []);

  await openIncidentBook(join(scratch, 'incidents', 'book.jsonl')).recordIncident({
    id: 'node-1@1000',
    node: 'node-1',
    openedMs: 1000,
    lastMs: 61_000,
    closedMs: undefined,
    worstHealthRatio: 0.3,
    peakStrength: 1.5,
    contributions: [{ metric: 'memory', sigma: 6 }],
    suppressedBy: undefined,
  });
  const judged = await runCli(
    ['incidents', 'verdict', 'node-1@1000', 'true', '--note', 'a leak', '-o', 'json'],
    env,
  );
  assert.equal((parseEnvelope(judged).data as Review).precision, 1);

  const listed = parseEnvelope(await runCli(['incidents', 'list', '--state', 'open', '-o', 'json'], env));
  assert.deepEqual(
    (listed.data as Listed).incidents.map(({ id, verdict, what }) => [id, verdict, what]),
    [['node-1@1000', 'true', 'memory up 6 sigma']],
  );
  const unjudged = parseEnvelope(
    await runCli(['incidents', 'list', '--state', 'unjudged', '-o', 'json'], env),
  );
  assert.deepEqual((unjudged.data as Listed).incidents, []);
  const text = await runCli(['incidents', 'review'], env);
  assert.match(text.stdout, /precision {3}100\.0 % \(1 of 1 judged; 95 % interval 2\.5 % to 100\.0 %\)/);
});

test('a verdict on an unknown incident fails and says which are known', async () => {
  const answer = await runCli(['incidents', 'verdict', 'node-9@1', 'false', '-o', 'json'], env);
  assert.equal(answer.exitCode, 1);
  assert.equal(parseEnvelope(answer).error?.code, 'MLS_OPERATIONS_INCIDENT_UNKNOWN');
});

test('a replay of a history shows what would have been raised, and writes it down when asked to', async () => {
  const data = join(ROOT, 'data/sample/smd-nodes');
  const answer = await runCli(['incidents', 'replay', '--data', data, '--record', '-o', 'json'], env);
  const { machines, incidents } = parseEnvelope(answer).data as Listed & { machines: number };
  assert.ok(machines > 0);
  const listed = parseEnvelope(await runCli(['incidents', 'list', '-o', 'json'], env)).data as Listed;
  assert.equal(listed.incidents.length, incidents.length + 1);
});
