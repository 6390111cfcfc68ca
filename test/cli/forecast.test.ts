import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { xgboostAvailability } from '#native';
import type { ForecastEvaluation } from '#training';

import { parseEnvelope, ROOT, runCli } from './run-cli.ts';

const scratch = mkdtempSync(join(tmpdir(), 'mlsched-cli-forecast-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const availability = xgboostAvailability();
const skip = availability.kind === 'available' ? false : 'libxgboost is missing: run make setup';

test('a saved model judges machines it never saw and writes a report with plots', { skip }, async () => {
  const sample = join(ROOT, 'data/sample/smd-nodes');
  const unseen = readdirSync(sample)
    .filter((name) => name.endsWith('.parquet'))
    .slice(0, 2);
  for (const name of unseen) cpSync(join(sample, name), join(scratch, name));
  const page = join(scratch, 'report.html');
  const command = ['evaluate', 'forecast', '--data', scratch, '--model', 'champion', '--report', page];

  const answer = await runCli([...command, '-o', 'json'], { env: { MLSCHED_HOME: join(scratch, 'home') } });

  const { status, data } = parseEnvelope(answer);
  const evaluation = data as ForecastEvaluation;
  assert.deepEqual([answer.exitCode, status, evaluation.protocol], [0, 'ok', 'saved-model']);
  const ours = evaluation.results.filter(({ model }) => model === 'mlsched');
  assert.equal(ours.length, 8);
  assert.ok(ours.every(({ coverage90Ratio }) => (coverage90Ratio ?? 0) > 0.85));
  assert.equal(evaluation.announcements.length, 8);
  assert.deepEqual([evaluation.traces, evaluation.details], [[], []]);
  const html = readFileSync(page, 'utf8');
  const headings = [...html.matchAll(/<h2>([^<]+)<\/h2>/g)].map(([, title]) => title);
  assert.deepEqual(headings, [
    'Error by horizon',
    'Against simple forecasts',
    'Error by hour of the day',
    'Error by machine',
    'The 5 % of moments with the highest load',
    'Calibration',
    'Moments above 80 %, announced',
  ]);
  assert.ok((html.match(/<svg/g) ?? []).length >= 6);
  assert.ok(!html.includes('NaN'), 'no unknown number is printed as NaN');
});

test('a search space that is not one is refused before anything is read', async () => {
  const answer = await runCli(['tune', 'forecast', '--space', join(scratch, 'none.yaml'), '-o', 'json'], {
    env: { MLSCHED_HOME: join(scratch, 'home') },
  });

  assert.equal(answer.exitCode, 1);
  assert.equal(parseEnvelope(answer).error?.code, 'MLS_TRAINING_SEARCH_SPACE');
});
