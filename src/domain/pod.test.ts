import assert from 'node:assert/strict';
import { test } from 'node:test';

import { qosOf, scoringCpuMillicores, scoringMemoryBytes } from './pod.ts';
import type { PodSpec } from './pod.ts';

const amounts = (cpuRequest: number, cpuLimit: number, memoryRequest: number, memoryLimit: number) => ({
  cpuRequestMillicores: cpuRequest,
  cpuLimitMillicores: cpuLimit,
  memoryRequestBytes: memoryRequest,
  memoryLimitBytes: memoryLimit,
});

test('quality of service follows Kubernetes', () => {
  const cases = [
    { name: 'nothing set', pod: amounts(0, 0, 0, 0), qos: 'best-effort' },
    { name: 'all equal', pod: amounts(1, 1, 2, 2), qos: 'guaranteed' },
    { name: 'CPU limit above its request', pod: amounts(1, 2, 2, 2), qos: 'burstable' },
    { name: 'requests alone', pod: amounts(1, 0, 2, 0), qos: 'burstable' },
    { name: 'CPU alone', pod: amounts(1, 1, 0, 0), qos: 'burstable' },
  ] as const;
  for (const { name, pod, qos } of cases) assert.equal(qosOf(pod), qos, name);
});

test('scoring counts 100 m and 200 MiB where nothing is requested', () => {
  const pod: PodSpec = {
    uid: 0,
    ownerId: 0,
    priority: 0,
    qos: 'best-effort',
    isDaemon: false,
    ...amounts(0, 0, 0, 0),
  };

  assert.equal(scoringCpuMillicores(pod), 100);
  assert.equal(scoringMemoryBytes(pod), 200 * 1024 * 1024);
  assert.equal(scoringCpuMillicores({ ...pod, cpuRequestMillicores: 5 }), 5);
  assert.equal(scoringMemoryBytes({ ...pod, memoryRequestBytes: 5 }), 5);
});
