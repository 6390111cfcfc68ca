import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openHistoryStore } from '#collect';
import { silentLog } from '#kernel/log';
import { createRng } from '#kernel/rng';
import { startHealthWatch } from '#services/health-watch';
import type { HealthWatchOptions } from '#services/health-watch';
import { alertmanagerMissing, startAlertmanager, startWebhook } from '../harness/alertmanager.ts';

const skip = alertmanagerMissing();
const MINUTE = 60_000;
const NODES = ['node-a', 'node-b', 'node-c', 'node-d'];

interface Row {
  readonly node: number;
  readonly timeMs: number;
  readonly cpu: number;
  readonly memory: number;
}

/** Six hours of four calm nodes up to now; on the first one memory climbs towards full for the last two and a half. */
function leakingRows(nowMs: number): Row[] {
  const rng = createRng(4);
  const endMs = Math.floor(nowMs / MINUTE) * MINUTE;
  return Array.from({ length: 360 }, (_, step) => step).flatMap((step) =>
    NODES.map((_, node) => ({
      node,
      timeMs: endMs - (359 - step) * MINUTE,
      cpu: 0.3 + 0.01 * rng.normal(),
      memory: 0.35 + 0.004 * rng.normal() + (node === 0 ? 0.6 * Math.max(0, (step - 209) / 150) : 0),
    })),
  );
}

async function writeStore(directory: string, rows: readonly Row[]): Promise<void> {
  const store = await openHistoryStore(directory, { source: 'prometheus', stepSeconds: 60 }, 'test');
  for (const day of new Set(rows.map(({ timeMs }) => new Date(timeMs - 1).toISOString().slice(0, 10)))) {
    const part = rows.filter(({ timeMs }) => new Date(timeMs - 1).toISOString().startsWith(day));
    const column = (name: string, of: (row: Row) => number) =>
      ({ name, type: 'float', values: Float32Array.from(part, of) }) as const;
    await store.addSegment({
      day,
      tables: {
        nodes: [
          {
            name: 'machine',
            type: 'text',
            values: { codes: Int32Array.from(part, ({ node }) => node), dictionary: NODES },
          },
          { name: 'time', type: 'time', values: Float64Array.from(part, ({ timeMs }) => timeMs) },
          column('cpu_usage_ratio', ({ cpu }) => cpu),
          column('memory_usage_ratio', ({ memory }) => memory),
        ],
        cluster: undefined,
      },
      record: {
        coveredToMs: part.at(-1)!.timeMs,
        nodes: NODES.length,
        rows: part.length,
        samples: part.length,
        counterResets: 0,
        duplicateSeries: 0,
        absentColumns: [],
        nodesWithoutCpu: [],
      },
    });
  }
  await store.close();
}

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-health-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Listed {
  readonly incidents: readonly { readonly id: string; readonly node: string; readonly state: string }[];
}

test(
  'a leak in the collected history calls people once, also after a restart, and can be judged',
  { skip },
  async (t) => {
    const folder = tempFolder(t);
    const webhook = await startWebhook();
    t.after(() => webhook.close());
    const alertmanager = await startAlertmanager(join(folder, 'alertmanager'), { webhookUrl: webhook.url });
    t.after(() => alertmanager.stop());
    const storeDirectory = join(folder, 'history');
    await writeStore(storeDirectory, leakingRows(Date.now()));
    const options: HealthWatchOptions = {
      storeDirectory,
      stateDirectory: join(folder, 'state'),
      model: 'champion',
      alertmanager: { baseUrl: alertmanager.url },
      text: { runbookUrl: 'docs/runbooks/node-anomaly.md', labels: { cluster: 'test' } },
      areAlike: true,
      host: '127.0.0.1',
      port: 0,
      pollSeconds: 1,
      log: silentLog,
    };
    const first = await startHealthWatch(options);
    const firing = await webhook.waitFor(({ status }) => status === 'firing');
    assert.deepEqual(
      firing.alerts.map(({ labels }) => labels['node']),
      ['node-a'],
    );
    assert.match(firing.alerts[0]!.annotations['summary'] ?? '', /memory up/);
    assert.equal((await fetch(`http://127.0.0.1:${first.port}/readyz`)).status, 200);
    await first.close();

    const second = await startHealthWatch(options);
    t.after(() => second.close());
    const base = `http://127.0.0.1:${second.port}/v1/incidents`;
    const { incidents } = (await (await fetch(base)).json()) as Listed;
    assert.deepEqual(
      incidents.map(({ node, state }) => [node, state]),
      [['node-a', 'open']],
    );
    const judged = await fetch(`${base}/${encodeURIComponent(incidents[0]!.id)}/verdict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ isTrue: true, note: 'a leak' }),
    });
    assert.equal(judged.status, 200);
    assert.equal(((await judged.json()) as { trueIncidents: number }).trueIncidents, 1);
    assert.equal(webhook.received.filter(({ status }) => status === 'firing').length, 1);
  },
);

test('a watch without a store waits for it and says why it is not ready', async (t) => {
  const folder = tempFolder(t);
  const watch = await startHealthWatch({
    storeDirectory: join(folder, 'none'),
    stateDirectory: join(folder, 'state'),
    model: 'champion',
    text: { runbookUrl: 'docs/runbooks/node-anomaly.md' },
    areAlike: false,
    host: '127.0.0.1',
    port: 0,
    pollSeconds: 1,
    log: silentLog,
  });
  t.after(() => watch.close());
  const answer = await fetch(`http://127.0.0.1:${watch.port}/readyz`);
  assert.equal(answer.status, 503);
});
