import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownerOf } from './owner.ts';
import type { RawMeta } from './raw.ts';

interface Controller {
  readonly kind: string;
  readonly name: string;
}

function owner(controller: Controller | undefined, meta: RawMeta = {}): string {
  const ownerReferences =
    controller === undefined ? [] : [{ ...controller, uid: 'controller-uid', controller: true }];
  const found = ownerOf({
    metadata: { name: 'pod-x', namespace: 'shop', uid: 'pod-uid', ...meta, ownerReferences },
  });
  return `${found.kind} ${found.name} ${found.uid}`;
}

test('a pod of a Deployment belongs to the Deployment over all its rollouts', () => {
  const labels = { 'pod-template-hash': '5c8f9d' };
  const api = owner({ kind: 'ReplicaSet', name: 'api-5c8f9d' }, { labels });
  assert.equal(api, 'Deployment api shop/Deployment/api');
  const next = owner({ kind: 'ReplicaSet', name: 'api-77aa' }, { labels: { 'pod-template-hash': '77aa' } });
  assert.equal(next, api);
});

test('a ReplicaSet that no Deployment made is its own workload', () => {
  assert.equal(owner({ kind: 'ReplicaSet', name: 'api-5c8f9d' }), 'ReplicaSet api-5c8f9d controller-uid');
  const other = { labels: { 'pod-template-hash': 'else' } };
  assert.equal(
    owner({ kind: 'ReplicaSet', name: 'api-5c8f9d' }, other),
    'ReplicaSet api-5c8f9d controller-uid',
  );
});

test('an Argo Rollout owns its pods', () => {
  const labels = { 'rollouts-pod-template-hash': 'abc' };
  assert.equal(owner({ kind: 'ReplicaSet', name: 'web-abc' }, { labels }), 'Rollout web shop/Rollout/web');
});

test("a CronJob's Job is known by its minute, and a date in a name is not taken for one", () => {
  const dueMs = 29_500_000 * 60_000;
  const creationTimestamp = new Date(dueMs + 20_000).toISOString();
  assert.equal(
    owner({ kind: 'Job', name: 'backup-29500000' }, { creationTimestamp }),
    'CronJob backup shop/CronJob/backup',
  );
  assert.equal(
    owner({ kind: 'Job', name: 'backup-20260131' }, { creationTimestamp }),
    'Job backup-20260131 controller-uid',
  );
  assert.equal(
    owner({ kind: 'Job', name: 'backup-29500000' }),
    'Job backup-29500000 controller-uid',
    'its age is unknown',
  );
});

test('other controllers, none, and the kubelet', () => {
  assert.equal(owner({ kind: 'StatefulSet', name: 'db' }), 'StatefulSet db controller-uid');
  assert.equal(owner(undefined), 'Pod pod-x pod-uid');
  assert.equal(
    owner({ kind: 'Node', name: 'master-1' }, { name: 'etcd-master-1' }),
    'Node etcd shop/Node/etcd',
  );
});
