import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { MlschedError } from '#kernel/errors';

import { createAlertSender } from './alert-sender.ts';
import type { Alertmanager } from './client.ts';
import type { TimedAlert } from './types.ts';

const NODES = ['a', 'b', 'c'];
const labels = (node: string) => ({ alertname: 'Test', node });

/** Stands for any server and its outages; the real one is in test/integration/alertmanager.test.ts. */
function server(): Alertmanager & { isDown: boolean; readonly ends: Map<string, number> } {
  const ends = new Map<string, number>();
  return {
    isDown: false,
    ends,
    async post(alerts: readonly TimedAlert[]) {
      if (this.isDown) throw new MlschedError('MLS_HTTP_UNREACHABLE', 'down', { kind: 'unavailable' });
      for (const { labels: found, endsAtMs } of alerts) ends.set(found['node'] ?? '', endsAtMs);
    },
    list: async () => [],
    close: async () => undefined,
  };
}

const command = fc.oneof(
  fc.record({ kind: fc.constant('raise' as const), node: fc.constantFrom(...NODES) }),
  fc.record({ kind: fc.constant('resolve' as const), node: fc.constantFrom(...NODES) }),
  fc.record({ kind: fc.constantFrom('up' as const, 'down' as const, 'flush' as const) }),
);

test('whatever happens, once the server is up it believes exactly the alerts that are on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
      const receiver = server();
      const sender = createAlertSender(receiver, { resendSeconds: 60 });
      const on = new Set<string>();
      let nowMs = 0;
      for (const step of commands) {
        nowMs += 10_000;
        if (step.kind === 'raise') {
          sender.raise({ labels: labels(step.node), annotations: {}, startsAtMs: 0 });
          on.add(step.node);
        } else if (step.kind === 'resolve') {
          sender.resolve(labels(step.node), nowMs);
          on.delete(step.node);
        } else if (step.kind === 'flush') await sender.flush(nowMs);
        else receiver.isDown = step.kind === 'down';
      }
      receiver.isDown = false;
      nowMs += 60_000;
      await sender.flush(nowMs);
      for (const node of NODES) assert.equal((receiver.ends.get(node) ?? 0) > nowMs, on.has(node), node);
      assert.equal(sender.size, on.size);
    }),
  );
});

test('an alert raised anew while the news of its end is under way is told again', async () => {
  const receiver = server();
  const sender = createAlertSender(receiver);
  const alert = { labels: labels('a'), annotations: {}, startsAtMs: 0 };
  sender.raise(alert);
  await sender.flush(0);
  sender.resolve(alert.labels, 1);
  const underWay = sender.flush(2);
  sender.raise(alert);
  await underWay;
  assert.deepEqual(await sender.flush(3), { kind: 'sent', alerts: 1 });
  assert.ok((receiver.ends.get('a') ?? 0) > 3);
});

test('changed annotations are told, the same ones are not', async () => {
  const sender = createAlertSender(server());
  const alert = { labels: labels('a'), annotations: { summary: 'one' }, startsAtMs: 0 };
  sender.raise(alert);
  await sender.flush(0);
  sender.raise({ ...alert });
  assert.deepEqual(await sender.flush(1), { kind: 'sent', alerts: 0 });
  sender.raise({ ...alert, annotations: { summary: 'two' } });
  assert.deepEqual(await sender.flush(2), { kind: 'sent', alerts: 1 });
});
