import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { createManualClock } from '#kernel/clock';
import { silentLog } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { createRng } from '#kernel/rng';
import { fitAnomalyModel } from '#models/anomaly';
import type { Incident } from '#models/anomaly';
import { createAlertSender } from '#platform/alertmanager';
import type { Alertmanager, TimedAlert } from '#platform/alertmanager';
import { createHttpServer } from '#platform/http-server';

import { openIncidentBook } from './book.ts';
import { openIncidentDesk } from './desk.ts';
import { applyTuning, listIncidents, reviewPrecision } from './review.ts';
import { addIncidentRoutes } from './routes.ts';

const scratch = mkdtempSync(join(tmpdir(), 'mlsched-incidents-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
let books = 0;
const freshBook = () => openIncidentBook(join(scratch, `book-${books++}`, 'book.jsonl'));

function incident(node: string, openedMs: number, more: Partial<Incident> = {}): Incident {
  return {
    id: `${node}@${openedMs}`,
    node,
    openedMs,
    lastMs: openedMs,
    closedMs: undefined,
    worstHealthRatio: 0.3,
    peakStrength: 1.5,
    contributions: [{ metric: 'memory', sigma: 6 }],
    suppressedBy: undefined,
    ...more,
  };
}

test('a book gives back what was written, the last word on each incident and verdict', async () => {
  const book = freshBook();
  assert.deepEqual((await book.read()).incidents, []);
  await book.recordIncident(incident('b', 2));
  await book.recordIncident(incident('a', 1, { suppressedBy: 'drain' }));
  await book.recordIncident(incident('b', 2, { closedMs: 9 }));
  await book.recordVerdict({ incidentId: 'b@2', isTrue: true, atMs: 10 });
  await book.recordVerdict({ incidentId: 'b@2', isTrue: false, atMs: 11, by: 'ops', note: 'a backup' });

  const content = await openIncidentBook(book.path).read();

  assert.deepEqual(content.incidents, [
    incident('a', 1, { suppressedBy: 'drain' }),
    incident('b', 2, { closedMs: 9 }),
  ]);
  const [, listed] = listIncidents(content);
  assert.deepEqual(
    [listed?.state, listed?.verdict, listed?.note, listed?.what],
    ['closed', 'false', 'a backup', 'memory up 6 sigma'],
  );
  assert.equal(readFileSync(book.path, 'utf8').split('\n').length, 6);
});

test('a line that a killed writer left half-written is counted, and costs no other line', async () => {
  const book = freshBook();
  await book.recordIncident(incident('a', 1));
  await book.recordIncident(incident('b', 2));
  truncateSync(book.path, statSync(book.path).size - 20);
  await book.recordIncident(incident('c', 3));
  appendFileSync(book.path, '{"kind":"verdict"}\nnot json\n');

  const { incidents, damagedLines } = await book.read();

  assert.deepEqual(
    incidents.map(({ id }) => id),
    ['a@1', 'c@3'],
  );
  assert.equal(damagedLines, 3);
});

test('writers at the same time lose nothing', async () => {
  const book = freshBook();
  const others = [book, openIncidentBook(book.path), openIncidentBook(book.path)];
  await Promise.all(Array.from({ length: 60 }, (_, i) => others[i % 3]!.recordIncident(incident('n', i))));
  const { incidents, damagedLines } = await book.read();
  assert.deepEqual([incidents.length, damagedLines], [60, 0]);
});

test('a verdict on an incident that nobody knows is refused and names the nearest', async () => {
  const book = freshBook();
  await book.recordIncident(incident('node-1', 5));
  await assert.rejects(
    book.recordVerdict({ incidentId: 'node-2@5', isTrue: true, atMs: 1 }),
    (error: { code?: string; hint?: string }) =>
      error.code === 'MLS_OPERATIONS_INCIDENT_UNKNOWN' && /node-1@5/.test(error.hint ?? ''),
  );
  await assert.rejects(openIncidentBook(scratch).recordIncident(incident('a', 1)), {
    code: 'MLS_OPERATIONS_INCIDENT_BOOK',
  });
});

test('the review counts what called somebody, and tuning is written down and taken up', async () => {
  const book = freshBook();
  for (let i = 0; i < 10; i++) {
    await book.recordIncident(incident('n', i, { peakStrength: i < 4 ? 1.2 : 2 }));
    await book.recordVerdict({ incidentId: `n@${i}`, isTrue: i >= 4, atMs: 100 });
  }
  await book.recordIncident(incident('n', 10, { suppressedBy: 'shared-shift' }));
  await book.recordVerdict({ incidentId: 'n@10', isTrue: false, atMs: 100 });

  const review = await applyTuning(book, 200);

  assert.deepEqual(
    [review.incidents, review.suppressedIncidents, review.judgedIncidents, review.trueIncidents],
    [11, 1, 10, 6],
  );
  assert.equal(review.precision, 0.6);
  assert.ok(review.ci95[0] > 0.25 && review.ci95[0] < 0.3 && review.ci95[1] > 0.85);
  assert.equal(review.advice.kind, 'raised');
  const after = reviewPrecision(await book.read());
  assert.equal(after.thresholdMultiple, review.advice.multiple);
  assert.equal(after.advice.kind, 'kept');
  assert.equal(reviewPrecision(await freshBook().read()).precision, null);
});

const METRICS = ['cpu', 'memory', 'disk', 'network'];

function quiet(steps: number, seed: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: steps * 4 }, () => 0.4 + 0.02 * rng.normal());
}

const model = fitAnomalyModel([{ rows: quiet(1200, 1) }], {
  metricNames: METRICS,
  stepSeconds: 300,
  seed: 1,
});
const STEP_MS = 300_000;
const BROKEN = Float32Array.of(0.95, 0.95, 0.95, 0.95);

/** A receiver that takes everything; the real one is in test/integration/alertmanager.test.ts. */
function recorder(): Alertmanager & { readonly told: TimedAlert[] } {
  const told: TimedAlert[] = [];
  return {
    told,
    post: async (alerts) => void told.push(...alerts),
    list: async () => [],
    close: async () => undefined,
  };
}

async function openDesk(book = freshBook(), nodeNames = ['a', 'b']) {
  const server = recorder();
  const registry = createMetricRegistry('test');
  const desk = await openIncidentDesk({
    model,
    nodeNames,
    book,
    sender: createAlertSender(server),
    text: { runbookUrl: 'https://example.org' },
    clock: createManualClock(0),
    log: silentLog,
    registry,
  });
  const past = quiet(60, 7);
  for (let step = 0; step < 60; step++) {
    const row = past.subarray(step * 4, step * 4 + 4);
    desk.remember(Float32Array.from(nodeNames.flatMap(() => [...row])));
  }
  return { desk, server, registry, book };
}

test('a desk writes an incident down, calls once, and goes on with it after a restart', async () => {
  const first = await openDesk();
  const opened = await first.desk.observe(0, Float32Array.of(...BROKEN, 0.4, 0.4, 0.4, 0.4));
  assert.deepEqual(
    opened.map(({ kind, incident: { node } }) => [kind, node]),
    [['opened', 'a']],
  );
  await first.desk.observe(STEP_MS, Float32Array.of(...BROKEN, 0.4, 0.4, 0.4, 0.4));
  assert.equal(first.server.told.length, 1);
  assert.match(await first.registry.metrics(), /mlsched_operations_incidents_open\{[^}]*\} 1/);

  const second = await openDesk(first.book);
  assert.deepEqual(
    second.desk.open().map(({ id }) => id),
    ['a@0'],
  );
  const events = await second.desk.observe(100 * STEP_MS, new Float32Array(8).fill(0.4));
  assert.deepEqual(
    events.map(({ kind, incident: { id } }) => [kind, id]),
    [['closed', 'a@0']],
  );
  assert.equal((await second.book.read()).incidents[0]?.closedMs, 100 * STEP_MS);
  assert.equal(second.server.told.at(-1)?.endsAtMs, 100 * STEP_MS);
});

test('an incident of a node that is gone is closed', async () => {
  const book = freshBook();
  await book.recordIncident(incident('gone', 1));
  const { desk } = await openDesk(book);
  const events = await desk.observe(STEP_MS, new Float32Array(8).fill(0.4));
  assert.deepEqual(
    events.map(({ kind, incident: { node } }) => [kind, node]),
    [['closed', 'gone']],
  );
});

test('a known cause keeps the call back, not the record', async () => {
  const { desk, server, book } = await openDesk();
  desk.suppress({ node: 'a', fromMs: 0, untilMs: Infinity, cause: 'drain' });
  await desk.observe(0, Float32Array.of(...BROKEN, 0.4, 0.4, 0.4, 0.4));
  assert.equal(server.told.length, 0);
  assert.equal((await book.read()).incidents[0]?.suppressedBy, 'drain');

  desk.lift('a', 'drain', 0);
  const raised = await desk.observe(4 * STEP_MS, Float32Array.of(...BROKEN, 0.4, 0.4, 0.4, 0.4));
  assert.equal(raised[0]?.kind, 'raised');
  assert.equal(server.told.length, 1);
});

test('the routes list incidents, take verdicts and refuse what is none', async () => {
  const book = freshBook();
  await book.recordIncident(incident('a', 1));
  const app = createHttpServer({ log: silentLog, registry: createMetricRegistry('test') });
  addIncidentRoutes(app, book, createManualClock(5));
  const post = async (id: string, payload: object) =>
    app.inject({ method: 'POST', url: `/v1/incidents/${id}/verdict`, payload });

  const judged = await post('a@1', { isTrue: true, by: 'ops' });
  assert.equal(judged.statusCode, 200);
  assert.equal(judged.json<{ precision: number }>().precision, 1);
  assert.equal((await post('b@1', { isTrue: true })).statusCode, 404);
  const wrong = await post('a@1', { isTrue: 'yes' });
  assert.deepEqual(
    [wrong.statusCode, wrong.json<{ error: { code: string } }>().error.code],
    [400, 'MLS_OPERATIONS_VERDICT_INVALID'],
  );
  const listed = (await app.inject('/v1/incidents')).json<{ incidents: { verdict: string }[] }>();
  assert.equal(listed.incidents[0]?.verdict, 'true');
  assert.equal((await app.inject('/v1/incidents/precision')).statusCode, 200);
  await app.close();
});
