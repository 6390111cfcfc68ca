import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';

import type { ObservedPod, QosClass, WorkloadTable } from '#domain';
import {
  CLUSTER_CATALOGUE,
  createNodeState,
  FEATURE_SCHEMA_VERSION,
  FEATURE_VIEWS,
  featureView,
  NODE_STATE_CATALOGUE,
  observeLoad,
  UNIT_RANGES,
  WORKLOAD_CATALOGUE,
  workloadOf,
  writeCluster,
  writeNodeState,
  writeWorkload,
} from '#features';
import { createRng } from '#kernel/rng';

const NOW_MS = Date.UTC(2026, 0, 5, 12);

const podArbitrary: fc.Arbitrary<ObservedPod> = fc
  .record({
    name: fc.string({ minLength: 1, maxLength: 8 }),
    nodeName: fc.option(fc.constantFrom('n1', 'n2', 'n3'), { nil: undefined }),
    phase: fc.constantFrom('Pending' as const, 'Running' as const, 'Succeeded' as const, 'Failed' as const),
    priority: fc.integer({ min: -10, max: 2_000_000_000 }),
    qos: fc.constantFrom<QosClass>('guaranteed', 'burstable', 'best-effort'),
    cpuRequestMillicores: fc.constantFrom(0, 100, 250, 4000),
    cpuLimitMillicores: fc.constantFrom(0, 500, 4000),
    memoryRequestBytes: fc.constantFrom(0, 2 ** 28, 3 * 2 ** 30 + 1),
    memoryLimitBytes: fc.constantFrom(0, 2 ** 30, 2 ** 33),
    createdAtMs: fc.option(fc.integer({ min: NOW_MS - 10_000_000, max: NOW_MS + 1_000_000 }), {
      nil: undefined,
    }),
    startDelayMs: fc.option(fc.integer({ min: 0, max: 60_000 }), { nil: undefined }),
  })
  .map(({ startDelayMs, ...pod }) => ({
    ...pod,
    namespace: 'shop',
    uid: pod.name,
    schedulerName: 'default-scheduler',
    owner: { kind: 'StatefulSet', name: 'web', uid: 'u' },
    labels: {},
    priorityClass: undefined,
    startedAtMs:
      startDelayMs === undefined || pod.createdAtMs === undefined
        ? undefined
        : pod.createdAtMs + startDelayMs,
  }));

function workloadRow(pods: readonly ObservedPod[], originMs = NOW_MS, table?: WorkloadTable): Float32Array {
  const row = new Float32Array(WORKLOAD_CATALOGUE.length).fill(-77);
  writeWorkload(
    { pods, ...(table === undefined ? {} : { measured: { table, owner: 0 } }) },
    originMs,
    row,
    0,
  );
  return row;
}

function valueOf(row: Float32Array, name: string): number {
  return row[WORKLOAD_CATALOGUE.findIndex((one) => one.name === name)] as number;
}

describe('the feature views', () => {
  test('document at least 50 features of nodes and time, and workloads and the cluster beside them', () => {
    assert.ok(NODE_STATE_CATALOGUE.length >= 50);
    assert.ok(WORKLOAD_CATALOGUE.length >= 25 && CLUSTER_CATALOGUE.length >= 25);
    for (const { name, features, version, ttlSeconds, stepSeconds } of FEATURE_VIEWS) {
      assert.equal(new Set(features.map((one) => one.name)).size, features.length, name);
      assert.ok(features.every((one) => /^[a-z][a-z0-9_]*$/.test(one.name) && one.description.length > 5));
      assert.ok(ttlSeconds > stepSeconds);
      assert.match(version, /-[0-9a-f]{8}$/);
    }
    assert.equal(new Set(FEATURE_VIEWS.map(({ name }) => name)).size, FEATURE_VIEWS.length);
  });

  test('leave the row of the forecast models as it is', () => {
    assert.equal(featureView('node_load_cpu').version, FEATURE_SCHEMA_VERSION);
    assert.equal(featureView('node_load_memory').version, FEATURE_SCHEMA_VERSION);
  });
});

describe('a workload row', () => {
  test('is within the range of its units, whatever the pods', () => {
    fc.assert(
      fc.property(fc.array(podArbitrary, { maxLength: 12 }), (pods) => {
        const row = workloadRow(pods);
        for (const [i, { unit, name }] of WORKLOAD_CATALOGUE.entries()) {
          const value = row[i] as number;
          const [low, high] = UNIT_RANGES[unit];
          assert.ok(Number.isNaN(value) || (value >= low && value <= high), `${name} is ${value}`);
        }
      }),
    );
  });

  test('is the same bits in any order of the pods, and does not see pods of the future', () => {
    fc.assert(
      fc.property(fc.array(podArbitrary, { maxLength: 12 }), fc.integer(), (pods, seed) => {
        const past = pods.filter(({ createdAtMs }) => !((createdAtMs ?? 0) > NOW_MS));
        const shuffled = createRng(seed).shuffle([...pods]);

        assert.deepEqual(
          new Uint32Array(workloadRow(pods).buffer),
          new Uint32Array(workloadRow(shuffled).buffer),
        );
        assert.deepEqual(
          new Uint32Array(workloadRow(pods).buffer),
          new Uint32Array(workloadRow(past).buffer),
        );
      }),
    );
  });

  test('tells what is asked, used and expected, by hand', () => {
    const base = fc.sample(podArbitrary, { numRuns: 1, seed: 1 })[0] as ObservedPod;
    const pod = (name: string, more: Partial<ObservedPod>): ObservedPod => ({
      ...base,
      name,
      phase: 'Running',
      nodeName: 'n1',
      qos: 'burstable',
      priority: 100,
      cpuRequestMillicores: 200,
      cpuLimitMillicores: 400,
      memoryRequestBytes: 2 ** 30,
      memoryLimitBytes: 0,
      createdAtMs: NOW_MS - 7_200_000,
      startedAtMs: NOW_MS - 7_190_000,
      ...more,
    });
    const one = (value: number): Float64Array => Float64Array.of(value);
    const table: WorkloadTable = {
      ownerCount: 1,
      runningPods: Int32Array.of(2),
      sampleCount: one(40),
      cpuToRequestMeanRatio: one(0.5),
      cpuToRequestSdRatio: one(0.1),
      cpuToRequestMaxRatio: one(1.5),
      memoryToRequestMeanRatio: one(0.25),
      memoryToRequestMaxRatio: one(0.3),
      finishedPods: Int32Array.of(3),
      lifetimeMeanSeconds: one(3600),
    };
    const pods = [
      pod('a', {}),
      pod('b', {
        cpuRequestMillicores: 400,
        cpuLimitMillicores: 800,
        nodeName: 'n2',
        createdAtMs: NOW_MS - 60_000,
      }),
      pod('c', { phase: 'Failed', startedAtMs: undefined }),
    ];
    const row = workloadRow(pods, NOW_MS, table);

    assert.equal(valueOf(row, 'pods'), 3);
    assert.equal(valueOf(row, 'pods_running'), 2);
    assert.equal(valueOf(row, 'pods_created_1h'), 1);
    assert.equal(valueOf(row, 'pods_failed_share'), 1);
    assert.equal(valueOf(row, 'nodes_used'), 2);
    assert.equal(valueOf(row, 'cpu_limit_to_request'), 2);
    assert.ok(Number.isNaN(valueOf(row, 'memory_limit_to_request')));
    assert.equal(valueOf(row, 'cpu_expected_millicores'), Math.fround((0.5 * 800) / 3));
    assert.equal(valueOf(row, 'memory_expected_mib'), 256);
    assert.equal(valueOf(row, 'lifetime_mean_seconds'), 3600);
    assert.equal(valueOf(row, 'newest_pod_age_seconds'), 60);
    assert.equal(valueOf(row, 'is_stateful_set'), 1);
    assert.equal(valueOf(row, 'is_job'), 0);
    assert.deepEqual(workloadOf(pods[0] as ObservedPod), {
      namespace: 'shop',
      ownerKind: 'StatefulSet',
      ownerName: 'web',
    });
  });

  test('leaves unknown what nobody measured', () => {
    const row = workloadRow([]);

    assert.equal(valueOf(row, 'pods'), 0);
    for (const name of [
      'cpu_use_mean',
      'cpu_request_millicores',
      'lifetime_mean_seconds',
      'priority',
      'is_job',
    ])
      assert.ok(Number.isNaN(valueOf(row, name)), name);
  });
});

describe('a cluster row', () => {
  const clusterOf = (row: Float32Array, name: string): number =>
    row[CLUSTER_CATALOGUE.findIndex((one) => one.name === name)] as number;
  const nodes = [0.2, 0.9, 0.4].map((load, i) => {
    const node = createNodeState(`n${i}`);
    for (let t = NOW_MS - 600_000; t <= NOW_MS; t += 30_000) observeLoad(node, t, load, load / 2);
    return node;
  });

  test('tells level and spread of the load, and what is unknown without a view of the scheduler', () => {
    const silent = createNodeState('silent');
    const row = new Float32Array(CLUSTER_CATALOGUE.length);
    writeCluster({ nodes: [...nodes, silent] }, NOW_MS, row, 0);

    assert.equal(clusterOf(row, 'nodes_known'), 3);
    assert.equal(clusterOf(row, 'nodes_silent'), 1);
    assert.ok(Math.abs(clusterOf(row, 'cpu_mean_5m') - 0.5) < 1e-6);
    assert.ok(Math.abs(clusterOf(row, 'cpu_max_5m') - 0.9) < 1e-6);
    assert.ok(Math.abs(clusterOf(row, 'cpu_full_share') - 1 / 3) < 1e-6);
    assert.ok(Number.isNaN(clusterOf(row, 'cpu_requested')));
  });

  test('is the same bits in any order of the nodes, and after the rows of the nodes themselves', () => {
    const a = new Float32Array(CLUSTER_CATALOGUE.length);
    const b = new Float32Array(CLUSTER_CATALOGUE.length);
    writeCluster({ nodes }, NOW_MS, a, 0);
    for (const node of nodes) writeNodeState(node, NOW_MS, new Float32Array(NODE_STATE_CATALOGUE.length), 0);
    writeCluster({ nodes: nodes.toReversed() }, NOW_MS, b, 0);

    assert.deepEqual(new Uint32Array(a.buffer), new Uint32Array(b.buffer));
  });

  test('tells what is requested of what there is', () => {
    const row = new Float32Array(CLUSTER_CATALOGUE.length);
    const each = (value: number): Float64Array => new Float64Array(2).fill(value);
    const view = {
      nodeCount: 2,
      nodes: {
        cpuCapacityMillicores: each(4000),
        memoryCapacityBytes: each(8e9),
        cpuAllocatableMillicores: each(4000),
        memoryAllocatableBytes: each(8e9),
        podsAllocatable: Int32Array.of(110, 110),
        cpuRequestedMillicores: Float64Array.of(1000, 3000),
        memoryRequestedBytes: each(2e9),
        cpuScoringMillicores: each(1),
        memoryScoringBytes: each(1),
        cpuLimitMillicores: each(8000),
        memoryLimitBytes: each(8e9),
        podCount: Int32Array.of(10, 12),
        isReady: Uint8Array.of(1, 0),
        isSchedulable: Uint8Array.of(1, 1),
      },
    };
    writeCluster({ nodes, view }, NOW_MS, row, 0);

    assert.equal(clusterOf(row, 'cpu_requested'), 0.5);
    assert.equal(clusterOf(row, 'cpu_limits'), 2);
    assert.equal(clusterOf(row, 'nodes_ready_share'), 0.5);
    assert.equal(clusterOf(row, 'pods_bound'), 22);
  });
});
