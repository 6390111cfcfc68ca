import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { podAmounts } from './pod-amounts.ts';
import type { RawPod } from './raw.ts';

/** CPU request of a pod in millicores. */
function cpu(pod: RawPod): number {
  return podAmounts(pod).requests.cpuMillicores;
}

function container(name: string, millicores: number, restartPolicy?: string) {
  const resources = { requests: { cpu: `${millicores}m` }, limits: { cpu: `${millicores * 2}m` } };
  return { name, resources, ...(restartPolicy === undefined ? {} : { restartPolicy }) };
}

test('init containers count at their largest moment, sidecars for all the time', () => {
  const containers = [container('a', 100), container('b', 200)];
  assert.equal(cpu({ spec: { containers } }), 300);
  assert.equal(cpu({ spec: { containers, initContainers: [container('i', 250)] } }), 300);
  assert.equal(cpu({ spec: { containers, initContainers: [container('i', 900)] } }), 900);
  const sidecar = container('s', 50, 'Always');
  assert.equal(cpu({ spec: { containers, initContainers: [sidecar] } }), 350);
  assert.equal(cpu({ spec: { containers, initContainers: [sidecar, container('i', 900)] } }), 950);
  assert.equal(cpu({ spec: { containers, initContainers: [container('i', 900), sidecar] } }), 900);
});

test('amounts for the whole pod replace the sum; overhead is added, to limits only where there is one', () => {
  const containers = [container('a', 100)];
  assert.equal(cpu({ spec: { containers, resources: { requests: { cpu: '1' } } } }), 1000);
  const { requests, limits } = podAmounts({
    spec: { containers, overhead: { cpu: '10m', memory: '32Mi' } },
  });
  assert.deepEqual(requests, { cpuMillicores: 110, memoryBytes: 32 * 1024 ** 2 });
  assert.deepEqual(limits, { cpuMillicores: 210, memoryBytes: 0 });
});

test('while a resize is under way the larger counts; one that is impossible does not', () => {
  const spec = { containers: [container('a', 500)] };
  const given = { name: 'a', allocatedResources: { cpu: '100m' }, resources: { requests: { cpu: '100m' } } };
  assert.equal(cpu({ spec, status: { containerStatuses: [given] } }), 500);
  const shrinking = {
    name: 'a',
    allocatedResources: { cpu: '700m' },
    resources: { requests: { cpu: '900m' } },
  };
  assert.equal(cpu({ spec, status: { containerStatuses: [shrinking] } }), 900);
  const conditions = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }];
  assert.equal(cpu({ spec, status: { containerStatuses: [given], conditions } }), 100);
});

test('a pod without anything, or with nonsense, has amounts of 0, which is "not set"', () => {
  const nothing = { cpuMillicores: 0, memoryBytes: 0 };
  for (const pod of [
    {},
    { spec: {} },
    { spec: { containers: [{ resources: { requests: { cpu: 'x' } } }] } },
  ]) {
    assert.deepEqual(podAmounts(pod), { requests: nothing, limits: nothing });
  }
});

test('the request is never below what runs together, nor below any moment of the initialisation', () => {
  const amount = fc.integer({ min: 0, max: 5000 });
  const init = fc.record({ cpu: amount, isSidecar: fc.boolean() });
  fc.assert(
    fc.property(fc.array(amount, { maxLength: 5 }), fc.array(init, { maxLength: 5 }), (mains, inits) => {
      const total = cpu({
        spec: {
          containers: mains.map((cpu, at) => container(`m${at}`, cpu)),
          initContainers: inits.map(({ cpu, isSidecar }, at) =>
            container(`i${at}`, cpu, isSidecar ? 'Always' : undefined),
          ),
        },
      });
      const sum = (values: number[]): number => values.reduce((left, right) => left + right, 0);
      const sidecarsBefore = (at: number): number =>
        sum(inits.slice(0, at).flatMap(({ cpu, isSidecar }) => (isSidecar ? [cpu] : [])));
      const moments = inits.map(({ cpu }, at) => sidecarsBefore(at) + cpu);
      assert.equal(total, Math.max(sum(mains) + sidecarsBefore(inits.length), ...moments));
    }),
  );
});
