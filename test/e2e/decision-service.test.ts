import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startDecisionService, type DecisionService } from '../harness/decision-service.ts';
import type { RunningScheduler } from '../harness/kube-scheduler.ts';
import { createNodes, until } from '../harness/placements.ts';
import {
  prometheusMissing,
  startPrometheus,
  type BackfillMetric,
  type LocalPrometheus,
} from '../harness/prometheus.ts';
import { extenderConfig, placePods, pluginProfile, untilBound } from '../harness/scheduler-config.ts';

const HOUR_MS = 3_600_000;
const STEP_MS = 30_000;
const GIB = 2 ** 30;
const PATIENT = { timeoutMs: 5000, slowCallMs: 5000 };
const PODS = 12;
const NODES = Array.from({ length: 6 }, (_, at) => `node-00${at}`);
const HOT = 'node-002';

const folder = mkdtempSync(join(tmpdir(), 'mlsched-service-'));
let cluster: ControlPlane;
let scheduler: RunningScheduler;
let service: DecisionService;
let prometheus: LocalPrometheus;

/** A day of load, and the next quarter of an hour, so that Prometheus has present samples without anything to scrape. */
function history(): BackfillMetric[] {
  const startMs = Date.now() - 26 * HOUR_MS;
  const endMs = Date.now() + HOUR_MS / 4;
  const memoryBytes = 64 * GIB;
  function* each(value: (node: string, atMs: number) => number, node: string): Iterable<[number, number]> {
    for (let atMs = startMs; atMs < endMs; atMs += STEP_MS) yield [atMs, value(node, atMs)];
  }
  const loadOf = (node: string, atMs: number): number =>
    (node === HOT ? 0.93 : 0.3) + 0.03 * Math.sin((2 * Math.PI * atMs) / HOUR_MS);
  const idleSeconds = new Map<string, number>();
  const idle = (node: string, atMs: number): number => {
    const total = (idleSeconds.get(node) ?? 0) + ((1 - loadOf(node, atMs)) * STEP_MS) / 1000;
    idleSeconds.set(node, total);
    return total;
  };
  const available = (node: string, atMs: number): number =>
    Math.round((1 - loadOf(node, atMs)) * memoryBytes);
  const metric = (
    name: string,
    type: BackfillMetric['type'],
    value: (node: string, atMs: number) => number,
    labels = {},
  ): BackfillMetric => ({
    name,
    type,
    series: NODES.map((node) => ({
      labels: { instance: `${node}:9100`, ...labels },
      samples: each(value, node),
    })),
  });
  return [
    metric('node_cpu_seconds_total', 'counter', idle, { cpu: '0', mode: 'idle' }),
    metric('node_memory_MemAvailable_bytes', 'gauge', available),
    metric('node_memory_MemTotal_bytes', 'gauge', () => memoryBytes),
  ];
}

interface Explanation {
  readonly decision: {
    readonly mode: string;
    readonly outcome: string;
    readonly chosen: {
      readonly node: string;
      readonly parts: { readonly forecast: { readonly kind: string } };
    };
  };
  readonly bound?: { readonly node: string };
}

/** The latest decision about a pod, as `mlsched explain` tells it. */
function explain(pod: string): Explanation {
  const text = service.mlsched('explain', 'pod', pod, '--server', service.url, '-o', 'json');
  return (JSON.parse(text) as { data: { explanations: [Explanation] } }).data.explanations[0];
}

describe(
  'the decision service on a real control plane',
  { skip: controlPlaneMissing() || prometheusMissing() },
  () => {
    before(async () => {
      cluster = await startControlPlane({ scheduler: false });
      const shapes = NODES.map((name) => ({ name, cpuMillicores: 16_000, memoryMib: 65_536 }));
      await createNodes(cluster, shapes);
      prometheus = await startPrometheus(join(folder, 'prometheus'), history());
      service = await startDecisionService({
        folder: join(folder, 'service'),
        kubeconfig: cluster.kubeconfig,
        config: { load: { source: 'prometheus', prometheusUrl: prometheus.url, tickSeconds: 5 } },
      });
      await until('the service is ready', async () => (await fetch(`${service.url}/readyz`)).ok);
      const profiles = [
        { schedulerName: 'default-scheduler' },
        pluginProfile('mlsched', { ...PATIENT, urls: [service.url] }),
      ];
      scheduler = await cluster.startScheduler({ binary: 'plugin', config: { profiles } });
      await cluster.startScheduler({
        name: 'second',
        config: extenderConfig('extended', service.url, { httpTimeout: '5s', weight: 50 }),
      });
    });

    after(async () => {
      await cluster?.stop();
      await service?.stop();
      await prometheus?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    test('in shadow mode every pod is recorded and none is steered', async () => {
      const skipped = { point: 'score', outcome: 'abstained' };
      await placePods(cluster, { namespace: 'shadow', schedulerName: 'mlsched', count: PODS });

      assert.equal(await scheduler.metric('mlsched_plugin_decisions_total', skipped), PODS);
      const explained = JSON.parse(
        service.mlsched('explain', 'pod', 'shadow/pod-0', '--server', service.url, '-o', 'json'),
      ) as { data: { explanations: unknown[] } };
      assert.equal(explained.data.explanations.length, 1);
    });

    test('pods are steered away from a node that will be overloaded, and the journal says why', async () => {
      service.mlsched('rollout', 'set', '100');
      await until('the rollout is taken up', async () => {
        const page = await (await fetch(`${service.url}/metrics`)).text();
        return /mlsched_scheduler_rollout_percent\S* 100/.test(page);
      });

      const nodes = await placePods(cluster, { namespace: 'steered', schedulerName: 'mlsched', count: PODS });

      assert.ok(![...nodes.values()].includes(HOT), JSON.stringify([...nodes]));
      // What became of a pod is reported a moment after it is bound.
      await until(
        'the journal knows what was bound',
        async () => explain('steered/pod-0').bound !== undefined,
      );
      const { decision, bound } = explain('steered/pod-0');
      assert.equal(decision.outcome, 'scored');
      assert.equal(decision.chosen.parts.forecast.kind, 'scored');
      assert.notEqual(decision.chosen.node, HOT);
      assert.equal(bound?.node, nodes.get('pod-0'));
    });

    test('the same service steers a stock scheduler as its extender', async () => {
      const nodes = await placePods(cluster, {
        namespace: 'extended',
        schedulerName: 'extended',
        count: PODS,
      });

      assert.ok(![...nodes.values()].includes(HOT), JSON.stringify([...nodes]));
    });

    test('every pod is bound when the service is killed', async () => {
      process.kill(service.pid, 'SIGKILL');
      await placePods(cluster, { namespace: 'killed', schedulerName: 'mlsched', count: PODS });
      const nodes = await untilBound(cluster, 'killed', PODS);

      assert.equal(nodes.size, PODS);
    });
  },
);
