import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObservedPod } from '#domain';
import {
  createKubernetesClient,
  createLeaderElector,
  openClusterAccess,
  quantityMillis,
  quantityValue,
  watchNodes,
  watchPods,
} from '#platform/kubernetes';
import type { KubernetesClient } from '#platform/kubernetes';
import { createAuthority } from '../harness/certificates.ts';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';

const RBAC = resolve(import.meta.dirname, '../../deploy/kubernetes/rbac.yaml');

let cluster: ControlPlane;
let admin: KubernetesClient;
const clients: KubernetesClient[] = [];

/** A client as a pod of ours has it: the files of its service account, and the address in the environment. */
async function asServiceAccount(name: string): Promise<KubernetesClient> {
  const answer = (await cluster.call('POST', `/api/v1/namespaces/mlsched/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 600 },
  })) as { status: { token: string } };
  const folder = join(cluster.folder, `account-${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'token'), answer.status.token, { mode: 0o600 });
  writeFileSync(join(folder, 'namespace'), 'mlsched');
  copyFileSync(join(cluster.folder, 'pki/apiserver.crt'), join(folder, 'ca.crt'));
  const { hostname, port } = new URL(cluster.server);
  const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
  const client = createKubernetesClient(
    await openClusterAccess({ environment, serviceAccountFolder: folder }),
  );
  clients.push(client);
  return client;
}

interface Wanted {
  readonly verb: string;
  readonly resource: string;
  readonly group?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

async function may(client: KubernetesClient, wanted: Wanted): Promise<boolean> {
  const review = (await client.call({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: wanted },
    },
  })) as { status: { allowed: boolean } };
  return review.status.allowed;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (isSo()) return;
    await sleep(50);
  }
  assert.fail(`in 20 s: ${what}`);
}

const LEASES = { group: 'coordination.k8s.io', resource: 'leases' };
const ALLOWED: readonly Wanted[] = [
  ...['get', 'list', 'watch'].flatMap((verb) => [
    { verb, resource: 'nodes' },
    { verb, resource: 'pods' },
  ]),
  { ...LEASES, verb: 'create', namespace: 'mlsched' },
  { ...LEASES, verb: 'update', namespace: 'mlsched', name: 'mlsched-scheduler' },
];
const REFUSED: readonly Wanted[] = [
  { verb: 'create', resource: 'pods', subresource: 'binding', namespace: 'default' },
  { verb: 'create', resource: 'pods', subresource: 'eviction', namespace: 'default' },
  { verb: 'delete', resource: 'pods', namespace: 'default' },
  { verb: 'create', resource: 'pods', subresource: 'exec', namespace: 'default' },
  { verb: 'patch', resource: 'nodes' },
  { verb: 'get', resource: 'nodes', subresource: 'proxy' },
  { verb: 'get', resource: 'secrets', namespace: 'mlsched' },
  { verb: 'list', resource: 'configmaps', namespace: 'kube-system' },
  { ...LEASES, verb: 'update', namespace: 'kube-system', name: 'kube-scheduler' },
  { ...LEASES, verb: 'update', namespace: 'mlsched', name: 'other' },
  { verb: '*', group: '*', resource: '*' },
];

describe('the API server as our pods see it', { skip: controlPlaneMissing() }, () => {
  before(async () => {
    cluster = await startControlPlane();
    admin = createKubernetesClient(await openClusterAccess({ kubeconfig: cluster.kubeconfig }));
    clients.push(admin);
    cluster.kubectl('apply', '-f', RBAC);
  });

  after(async () => {
    for (const client of clients) client.close();
    await cluster?.stop();
  });

  test('each service account has the rights that it needs and no other', async () => {
    for (const name of ['mlsched-collector', 'mlsched-scheduler']) {
      const client = await asServiceAccount(name);
      assert.equal(client.namespace, 'mlsched');
      for (const wanted of ALLOWED) assert.ok(await may(client, wanted), `${name} ${JSON.stringify(wanted)}`);
      for (const wanted of REFUSED) {
        assert.ok(!(await may(client, wanted)), `${name} must not ${JSON.stringify(wanted)}`);
      }
      const metrics = { verb: 'list', group: 'metrics.k8s.io', resource: 'nodes' };
      assert.equal(await may(client, metrics), name === 'mlsched-collector');
      await client.call({ path: '/api/v1/nodes' });
      const secrets = client.call({ path: '/api/v1/namespaces/mlsched/secrets' });
      await assert.rejects(secrets, { code: 'MLS_KUBERNETES_FORBIDDEN', hint: /rbac.yaml/ });
    }
  });

  test('a watch without the right to it says so and begins once the right is given', async () => {
    await cluster.call('POST', '/api/v1/namespaces/mlsched/serviceaccounts', { metadata: { name: 'late' } });
    const client = await asServiceAccount('late');
    const stop = new AbortController();
    const watch = watchNodes({
      client,
      signal: stop.signal,
      onChange: () => undefined,
      tuning: { firstBackoffSeconds: 0.1, maxBackoffSeconds: 0.2 },
    });
    await until('it is told no', () => watch.status().problem?.code === 'MLS_KUBERNETES_FORBIDDEN');
    assert.equal(watch.status().isSynced, false);
    cluster.kubectl(
      'create',
      'clusterrolebinding',
      'late',
      '--clusterrole=mlsched-observer',
      '--serviceaccount=mlsched:late',
    );
    await until('it is synced', () => watch.status().isSynced && watch.status().problem === undefined);
    stop.abort();
    await watch.ended;
  });

  test('two replicas: one leads, and the other follows it at once when it stops', async () => {
    const client = await asServiceAccount('mlsched-scheduler');
    const timings = { leaseSeconds: 3, renewSeconds: 2, retrySeconds: 0.2 };
    const replicas = ['a', 'b'].map((identity) => {
      const elector = createLeaderElector({ client, name: 'mlsched-scheduler', identity, ...timings });
      const stop = new AbortController();
      return { elector, stop, ended: elector.run(stop.signal) };
    });
    const leading = () => replicas.filter(({ elector }) => elector.isLeader());
    await until('one leads', () => leading().length === 1);
    const [first] = leading();
    const second = replicas.find((replica) => replica !== first);
    await until('the other knows', () => second?.elector.holder() === first?.elector.identity);

    first?.stop.abort();
    await first?.ended;
    assert.equal(first?.elector.isLeader(), false);
    await until('the other leads', () => second?.elector.isLeader() === true);
    const lease = (await admin.call({
      path: '/apis/coordination.k8s.io/v1/namespaces/mlsched/leases/mlsched-scheduler',
    })) as { spec: { holderIdentity: string; leaseTransitions: number } };
    assert.equal(lease.spec.holderIdentity, second?.elector.identity);
    assert.equal(lease.spec.leaseTransitions, 1);
    second?.stop.abort();
    await second?.ended;
  });

  test('the sums of our amounts are those of kubectl, which counts as the scheduler does', async () => {
    const amounts = { cpu: '16', memory: '64Gi', pods: '110' };
    await cluster.call('POST', '/api/v1/nodes', {
      metadata: { name: 'big' },
      status: { capacity: amounts, allocatable: amounts },
    });
    const box = (name: string, cpu: string, memory: string, more: object = {}) => ({
      name,
      image: 'x',
      resources: { requests: { cpu, memory }, limits: { cpu: '2', memory: '1Gi' } },
      ...more,
    });
    const bare = { name: 'bare', image: 'x' };
    const specs: readonly object[] = [
      { containers: [box('a', '100m', '64Mi'), box('b', '0.25', '100M')] },
      { containers: [box('a', '100m', '64Mi')], initContainers: [box('i', '700m', '32Mi')] },
      {
        containers: [box('a', '100m', '64Mi')],
        initContainers: [box('s', '50m', '128Mi', { restartPolicy: 'Always' }), box('i', '1', '10Mi')],
      },
      { containers: [bare] },
      {
        containers: [bare, box('a', '300m', '1e7')],
        resources: { requests: { cpu: '1500m' }, limits: { cpu: '3' } },
      },
    ];
    for (const [at, spec] of specs.entries()) {
      await cluster.call('POST', '/api/v1/namespaces/default/pods', {
        metadata: { name: `sum-${at}` },
        spec: { nodeName: 'big', ...spec },
      });
    }
    const pods = new Map<string, ObservedPod>();
    const stop = new AbortController();
    const { promise: synced, resolve: onSynced } = Promise.withResolvers<void>();
    watchPods({
      client: admin,
      signal: stop.signal,
      onSynced,
      fieldSelector: 'spec.nodeName=big',
      onChange(events) {
        for (const event of events) if (event.type === 'set') pods.set(event.object.name, event.object);
      },
    });
    await synced;
    stop.abort();
    const sum = (read: (pod: ObservedPod) => number): number =>
      [...pods.values()].reduce((total, pod) => total + read(pod), 0);
    const described = cluster.kubectl('describe', 'node', 'big');
    const [, cpuRequest, cpuLimit] = /cpu\s+(\d+m?) \(\d+%\)\s+(\d+m?) /.exec(described) ?? [];
    const [, memoryRequest, memoryLimit] = /memory\s+(\w+) \(\d+%\)\s+(\w+) /.exec(described) ?? [];

    assert.equal(pods.size, specs.length);
    assert.equal(
      sum((pod) => pod.cpuRequestMillicores),
      quantityMillis(cpuRequest),
      described,
    );
    assert.equal(
      sum((pod) => pod.cpuLimitMillicores),
      quantityMillis(cpuLimit),
    );
    assert.equal(
      sum((pod) => pod.memoryRequestBytes),
      quantityValue(memoryRequest),
    );
    assert.equal(
      sum((pod) => pod.memoryLimitBytes),
      quantityValue(memoryLimit),
    );
  });

  test('a stranger with another certificate, a wrong token and a dead address are told apart', async () => {
    const strangers = createAuthority(cluster.folder, 'strangers');
    const attempt = async (more: object, user: object = { token: 'wrong' }): Promise<unknown> => {
      const path = join(cluster.folder, 'attempt.kubeconfig');
      const config = {
        clusters: [{ name: 'c', cluster: { server: cluster.server, ...more } }],
        users: [{ name: 'u', user }],
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'x',
      };
      writeFileSync(path, JSON.stringify(config));
      const client = createKubernetesClient(await openClusterAccess({ kubeconfig: path }));
      try {
        return await client.call({ path: '/api/v1/nodes' });
      } finally {
        client.close();
      }
    };
    const ours = { 'certificate-authority': join(cluster.folder, 'pki/apiserver.crt') };
    await assert.rejects(attempt({ 'certificate-authority': strangers.caFile }), {
      code: 'MLS_KUBERNETES_UNTRUSTED',
    });
    await assert.rejects(attempt(ours), { code: 'MLS_KUBERNETES_UNAUTHORISED' });
    await assert.rejects(attempt({ ...ours, 'tls-server-name': 'elsewhere.example' }), {
      code: 'MLS_KUBERNETES_UNTRUSTED',
    });
    await assert.rejects(attempt({ ...ours, server: 'https://127.0.0.1:1' }), {
      code: 'MLS_KUBERNETES_UNREACHABLE',
      kind: 'unavailable',
    });
  });
});
