import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#kernel/clock';
import { silentLog } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { createRng } from '#kernel/rng';
import { fitAnomalyModel } from '#models/anomaly';
import { openIncidentBook, openIncidentDesk } from '#operations';
import { createAlertSender, openAlertmanager } from '#platform/alertmanager';
import type { Alert } from '#platform/alertmanager';
import { addCompanionMetrics, injectFault, NODE_METRICS } from '../../src/training/anomaly-faults.ts';
import { alertmanagerMissing, startAlertmanager, startWebhook } from '../harness/alertmanager.ts';
import { createAuthority } from '../harness/certificates.ts';
import { freePorts } from '../harness/processes.ts';

const skip = alertmanagerMissing();
const MINUTE = 60_000;
const STEP_SECONDS = 300;
const DAY = 288;

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-alertmanager-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function connect(t: TestContext, baseUrl: string, more: object = {}) {
  const server = openAlertmanager({ baseUrl, attempts: 1, timeoutSeconds: 5, ...more });
  t.after(() => server.close());
  return server;
}

function alert(node: string, startsAtMs = Date.now()): Alert {
  return { labels: { alertname: 'Test', node }, annotations: { summary: `about ${node}` }, startsAtMs };
}

/** Calm load of one node with the metrics of a node exporter. */
function nodeRows(steps: number, seed: number): Float32Array {
  const rng = createRng(seed);
  const load = Float32Array.from(
    { length: steps * 2 },
    (_, i) => (i % 2 === 0 ? 0.4 : 0.5) + 0.02 * rng.normal(),
  );
  return addCompanionMetrics(load, rng);
}

test(
  'a real Alertmanager receives, groups and resolves the alerts of an injected fault',
  { skip },
  async (t) => {
    const folder = tempFolder(t);
    const webhook = await startWebhook();
    t.after(() => webhook.close());
    const server = await startAlertmanager(join(folder, 'server'), { webhookUrl: webhook.url });
    t.after(() => server.stop());

    const spans = Array.from({ length: 6 }, (_, i) => ({ rows: nodeRows(4 * DAY, i) }));
    const model = fitAnomalyModel(spans, { metricNames: NODE_METRICS, stepSeconds: STEP_SECONDS, seed: 1 });
    const nodeNames = ['node-a', 'node-b', 'node-c'];
    const histories = nodeNames.map((_, i) => nodeRows(80, 100 + i));
    // Two nodes lose packets for four samples; the third stays calm.
    for (const rows of histories.slice(0, 2))
      injectFault(rows, { kind: 'network-loss', start: 42, end: 46 }, createRng(5));
    const book = openIncidentBook(join(folder, 'book.jsonl'));
    const desk = await openIncidentDesk({
      model,
      nodeNames,
      book,
      sender: createAlertSender(connect(t, server.url)),
      text: { runbookUrl: 'https://example.org/runbooks/node-anomaly', labels: { cluster: 'test' } },
      clock: systemClock,
      log: silentLog,
      registry: createMetricRegistry('test'),
    });
    const scrape = (step: number): Float32Array =>
      Float32Array.from(
        histories.flatMap((rows) => [
          ...rows.subarray(step * NODE_METRICS.length, (step + 1) * NODE_METRICS.length),
        ]),
      );
    const timeOf = (step: number): number => Date.now() - (80 - step) * STEP_SECONDS * 1000;
    for (let step = 0; step < 40; step++) desk.remember(scrape(step));
    for (let step = 40; step < 44; step++) await desk.observe(timeOf(step), scrape(step));

    const firing = await webhook.waitFor(({ status, alerts }) => status === 'firing' && alerts.length === 2);
    assert.deepEqual(firing.groupLabels, { alertname: 'MlschedNodeAnomaly' });
    assert.deepEqual(
      new Set(firing.alerts.map(({ labels }) => labels['node'])),
      new Set(['node-a', 'node-b']),
    );
    const [first] = firing.alerts;
    assert.equal(first?.labels['cluster'], 'test');
    assert.match(first?.annotations['summary'] ?? '', /retransmits up \d+ sigma/);
    assert.match(first?.annotations['runbook_url'] ?? '', /runbooks\/node-anomaly/);

    for (let step = 44; step < 80; step++) await desk.observe(timeOf(step), scrape(step));
    const resolved = await webhook.waitFor(({ status }) => status === 'resolved');
    assert.equal(resolved.alerts.length, 2);
    assert.equal(webhook.received.filter(({ status }) => status === 'firing').length, 1);
    const { incidents } = await book.read();
    assert.deepEqual(new Set(incidents.map(({ node }) => node)), new Set(['node-a', 'node-b']));
    assert.ok(incidents.every(({ closedMs }) => closedMs !== undefined));
  },
);

test(
  'an alert is told again before it expires, and equal labels of two replicas are one alert',
  { skip },
  async (t) => {
    const server = await startAlertmanager(tempFolder(t));
    t.after(() => server.stop());
    const client = connect(t, server.url);
    const senders = [
      createAlertSender(client, { resendSeconds: 1 }),
      createAlertSender(client, { resendSeconds: 1 }),
    ];
    const startsAtMs = Date.now() - MINUTE;
    for (const sender of senders) {
      sender.raise(alert('a', startsAtMs));
      assert.deepEqual(await sender.flush(Date.now()), { kind: 'sent', alerts: 1 });
      sender.raise(alert('a', startsAtMs));
      assert.deepEqual(await sender.flush(Date.now()), { kind: 'sent', alerts: 0 });
    }
    const before = await client.list();
    assert.equal(before.length, 1);
    assert.ok(before[0]!.endsAtMs > Date.now() && before[0]!.endsAtMs < Date.now() + 5000);
    await sleep(1100);
    await senders[0]!.flush(Date.now());
    assert.ok((await client.list())[0]!.endsAtMs > before[0]!.endsAtMs);

    senders[0]!.resolve(alert('a').labels, Date.now() - 1);
    await senders[0]!.flush(Date.now());
    assert.deepEqual(await client.list(), []);
    assert.equal(senders[0]!.size, 0);
  },
);

test('what happens in an outage is kept, bounded, and told as it is when it is over', { skip }, async (t) => {
  const folder = tempFolder(t);
  const [port = 0] = await freePorts(1);
  const client = connect(t, `http://127.0.0.1:${port}`);
  const sender = createAlertSender(client, { limit: 3 });
  for (const node of ['a', 'b', 'c', 'd']) sender.raise(alert(node, Date.now() - MINUTE));
  sender.resolve(alert('c').labels, Date.now() - 1000);
  const waiting = await sender.flush(Date.now());
  assert.ok(waiting.kind === 'waiting' && waiting.error.code === 'MLS_HTTP_UNREACHABLE');
  assert.deepEqual([waiting.queued, sender.size, sender.dropped], [3, 3, 1]);

  const server = await startAlertmanager(folder, { port });
  t.after(() => server.stop());
  assert.deepEqual(await sender.flush(Date.now()), { kind: 'sent', alerts: 3 });
  const nodes = new Set((await client.list()).map(({ labels }) => labels['node']));
  assert.deepEqual(nodes, new Set(['b', 'd']));
  assert.equal(sender.size, 2);
});

/** Of the password `open sesame` (bcrypt, as Alertmanager wants it). */
const PASSWORD_HASH = '$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW';

test('over TLS with a password: the right ones are let in, others are kept waiting', { skip }, async (t) => {
  const folder = tempFolder(t);
  const authority = createAuthority(folder);
  const { certificateFile, keyFile } = authority.issue('alertmanager');
  const { caFile } = authority;
  const server = await startAlertmanager(join(folder, 'server'), {
    webConfig: `tls_server_config: {cert_file: '${certificateFile}', key_file: '${keyFile}'}\nbasic_auth_users: {mlsched: '${PASSWORD_HASH}'}\n`,
    probe: async (url) => {
      const client = connect(t, url.replace('//', '//mlsched:open%20sesame@'), { caFile });
      return (await client.list()).length === 0;
    },
  });
  t.after(() => server.stop());
  const flushTo = async (user: string, more: object): Promise<unknown> => {
    const sender = createAlertSender(connect(t, server.url.replace('//', `//${user}@`), more));
    sender.raise(alert('a'));
    const result = await sender.flush(Date.now());
    return result.kind === 'waiting' ? result.error.code : result.kind;
  };
  assert.equal(await flushTo('mlsched:open%20sesame', { caFile }), 'sent');
  assert.equal(await flushTo('mlsched:wrong', { caFile }), 'MLS_HTTP_UNAUTHORISED');
  assert.equal(await flushTo('mlsched:open%20sesame', {}), 'MLS_HTTP_UNREACHABLE');
});

test('a server that is no Alertmanager is named as such', { skip }, async (t) => {
  const webhook = await startWebhook();
  t.after(() => webhook.close());
  const client = connect(t, webhook.url);
  await assert.rejects(client.list(), { code: 'MLS_ALERTMANAGER_ANSWER' });
});
