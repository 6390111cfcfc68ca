import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createIncidentLog } from './incidents.ts';
import type { IncidentEvent } from './incidents.ts';
import type { PeerVerdict } from './peers.ts';
import type { NodeHealth } from './types.ts';

const MINUTE = 60_000;
const alone = { kind: 'unknown', reason: 'not-grouped' } as const;
const calm: NodeHealth = {
  kind: 'scored',
  healthRatio: 1,
  strength: 0,
  peers: alone,
  level: 'normal',
  contributions: [],
};
const alert = (healthRatio: number, metric = 'cpu', peers: PeerVerdict = alone): NodeHealth => ({
  kind: 'scored',
  healthRatio,
  strength: Math.sqrt(1 / healthRatio - 1),
  peers,
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

test('a known cause marks what opens on its node and in its span, and loses nothing', () => {
  const log = createIncidentLog();
  log.suppress({ node: 'a', fromMs: 0, untilMs: 10 * MINUTE, cause: 'deploy' });
  const marked = log.observe({ node: 'a', timeMs: 5 * MINUTE, health: alert(0.4) });
  assert.deepEqual([marked?.kind, marked?.incident.suppressedBy], ['opened', 'deploy']);
  assert.equal(log.open().length, 1);

  const other = log.observe({ node: 'b', timeMs: 5 * MINUTE, health: alert(0.4) });
  assert.deepEqual([other?.kind, other?.incident.suppressedBy], ['opened', undefined]);
});

test('an incident that outlasts its cause is raised, under the same name', () => {
  const log = createIncidentLog();
  log.suppress({ node: '*', fromMs: 0, untilMs: 10 * MINUTE, cause: 'maintenance' });
  log.observe({ node: 'a', timeMs: 5 * MINUTE, health: alert(0.4) });
  const raised = log.observe({ node: 'a', timeMs: 10 * MINUTE, health: alert(0.4) });
  assert.deepEqual(
    [raised?.kind, raised?.incident.id, raised?.incident.suppressedBy],
    ['raised', `a@${5 * MINUTE}`, undefined],
  );
});

test('a cause that comes later does not silence an open incident', () => {
  const log = createIncidentLog();
  log.observe({ node: 'a', timeMs: 0, health: alert(0.4) });
  log.suppress({ node: 'a', fromMs: 0, untilMs: Infinity, cause: 'cordon' });
  const later = log.observe({ node: 'a', timeMs: MINUTE, health: alert(0.4) });
  assert.deepEqual([later?.kind, later?.incident.suppressedBy], ['ongoing', undefined]);
});

test('a lifted cause covers the ten minutes after it, and no more', () => {
  const log = createIncidentLog();
  const causeAt = (minute: number): unknown =>
    log.observe({ node: 'b', timeMs: minute * MINUTE, health: alert(0.4) })?.incident.suppressedBy;
  log.suppress({ node: 'b', fromMs: 0, untilMs: Infinity, cause: 'drain' });
  log.lift('b', 'drain', 20 * MINUTE);
  assert.equal(causeAt(25), 'drain');
  assert.equal(causeAt(30), undefined);
});

test('what most peers show is put down to a shared shift until the node stands alone', () => {
  const log = createIncidentLog();
  const among = (sharedRatio: number): PeerVerdict => ({ kind: 'compared', peers: 4, sharedRatio });
  const at = (minute: number, sharedRatio: number): IncidentEvent | undefined =>
    log.observe({ node: 'a', timeMs: minute * MINUTE, health: alert(0.4, 'cpu', among(sharedRatio)) });
  assert.equal(at(0, 0.9)?.incident.suppressedBy, 'shared-shift');
  assert.equal(at(1, 0.1)?.kind, 'raised');
});

test('incidents that were open when an earlier log ended go on and close', () => {
  const first = createIncidentLog(10 * MINUTE);
  first.observe({ node: 'a', timeMs: 0, health: alert(0.4) });
  const second = createIncidentLog(10 * MINUTE, first.open());
  assert.equal(second.observe({ node: 'a', timeMs: MINUTE, health: alert(0.3) })?.kind, 'ongoing');
  const closed = second.observe({ node: 'a', timeMs: 20 * MINUTE, health: calm });
  assert.deepEqual([closed?.kind, closed?.incident.id], ['closed', 'a@0']);
});
