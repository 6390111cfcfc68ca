import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createIncidentLog } from './incidents.ts';
import type { NodeHealth } from './types.ts';

const MINUTE = 60_000;
const calm: NodeHealth = { kind: 'scored', healthRatio: 1, level: 'normal', contributions: [] };
const alert = (healthRatio: number, metric = 'cpu'): NodeHealth => ({
  kind: 'scored',
  healthRatio,
  level: 'alert',
  contributions: [{ metric, sigma: 9 }],
});
const unknown: NodeHealth = { kind: 'unknown', reason: 'missing' };

test('an alert opens one incident that goes on, keeps its worst moment and closes after the quiet time', () => {
  const log = createIncidentLog(10 * MINUTE);
  const kinds = [calm, alert(0.4), alert(0.2, 'memory'), alert(0.3), calm].map(
    (health, i) => log.observe({ node: 'a', timeMs: i * MINUTE, health })?.kind,
  );
  assert.deepEqual(kinds, [undefined, 'opened', 'ongoing', 'ongoing', 'ongoing']);

  const closed = log.observe({ node: 'a', timeMs: 13 * MINUTE, health: calm });

  assert.equal(closed?.kind, 'closed');
  assert.equal(closed?.incident.id, `a@${MINUTE}`);
  assert.equal(closed?.incident.closedMs, 13 * MINUTE);
  assert.equal(closed?.incident.worstHealthRatio, 0.2);
  assert.equal(closed?.incident.contributions[0]?.metric, 'memory');
  assert.deepEqual(log.open(), []);
});

test('a fault that flaps is one incident, also across unknown samples', () => {
  const log = createIncidentLog(30 * MINUTE);
  const healths = [alert(0.4), calm, unknown, alert(0.4), unknown, calm, alert(0.3)];
  const ids = healths.map(
    (health, i) => log.observe({ node: 'a', timeMs: i * 5 * MINUTE, health })?.incident.id,
  );
  assert.deepEqual(new Set(ids), new Set(['a@0']));
});

test('nodes have incidents of their own, listed oldest first', () => {
  const log = createIncidentLog();
  log.observe({ node: 'b', timeMs: 0, health: alert(0.4) });
  log.observe({ node: 'a', timeMs: MINUTE, health: alert(0.4) });
  assert.deepEqual(
    log.open().map(({ node }) => node),
    ['b', 'a'],
  );
});

test('a known cause opens no incident, on its node and in its span only', () => {
  const log = createIncidentLog();
  log.suppress({ node: 'a', fromMs: 0, untilMs: 10 * MINUTE, cause: 'deploy' });
  assert.equal(log.observe({ node: 'a', timeMs: 5 * MINUTE, health: alert(0.4) }), undefined);
  assert.equal(log.observe({ node: 'b', timeMs: 5 * MINUTE, health: alert(0.4) })?.kind, 'opened');
  assert.equal(log.observe({ node: 'a', timeMs: 10 * MINUTE, health: alert(0.4) })?.kind, 'opened');
});

test('a suppression ends when it is lifted, and leaves an open incident alone', () => {
  const log = createIncidentLog();
  log.observe({ node: 'a', timeMs: 0, health: alert(0.4) });
  log.suppress({ node: 'a', fromMs: 0, untilMs: Infinity, cause: 'cordon' });
  log.suppress({ node: 'b', fromMs: 0, untilMs: Infinity, cause: 'drain' });
  assert.equal(log.observe({ node: 'a', timeMs: MINUTE, health: alert(0.4) })?.kind, 'ongoing');
  assert.equal(log.observe({ node: 'b', timeMs: MINUTE, health: alert(0.4) }), undefined);
  log.lift('b');
  assert.equal(log.observe({ node: 'b', timeMs: 2 * MINUTE, health: alert(0.4) })?.kind, 'opened');
});
