import type { LabelMatcher } from '#platform/prometheus';

/** Where a metric comes from; `doctor` names it when the metric is absent. */
export type Exporter = 'node_exporter' | 'kubelet' | 'kube-state-metrics' | 'kube-scheduler';

/** One metric that the product collects, and how to get one number a node (or cluster) and step out of it. */
export interface MetricDefinition {
  /** Column in the store, with its unit. */
  readonly column: string;
  readonly group: 'node' | 'scheduling' | 'network-storage';
  /** `node`: one value a node. `cluster`: one value in all. */
  readonly scope: 'node' | 'cluster';
  readonly exporter: Exporter;
  readonly selector: readonly LabelMatcher[];
  /** Counters become rates per second; gauges are taken as they are. */
  readonly kind: 'counter' | 'gauge';
  /** How the series of one node (cores, devices, pods) become one number. */
  readonly combine: 'sum' | 'mean' | 'max';
  /**
   * Labels that tell the series of one node apart. What differs in other labels only (job, replica, address) is the
   * same thing seen twice.
   */
  readonly parts: readonly string[];
  /** `complement`: 1 - value. `ratio`: cut to 0..1, which scrape jitter can overshoot by a hair. */
  readonly shape: 'plain' | 'ratio' | 'complement';
  /** The same number in PromQL, for dashboards and for checking us. */
  readonly promql: string;
  /** What the product cannot do without it. */
  readonly ifAbsent: string;
}

const VIRTUAL_DEVICES = 'lo|veth.*|cali.*|flannel.*|cni.*|docker.*|br-.*|virbr.*|tunl.*|vxlan.*';
const VIRTUAL_DISKS = 'loop.*|ram.*|dm-.*|sr.*';

/** @param name - With `|`: the present name and older ones, so that a history over an upgrade has no hole. */
function named(name: string, ...more: readonly LabelMatcher[]): LabelMatcher[] {
  return [{ name: '__name__', type: name.includes('|') ? '=~' : '=', value: name }, ...more];
}

function equal(name: string, value: string): LabelMatcher {
  return { name, type: '=', value };
}

function cpuMode(mode: string): LabelMatcher[] {
  return named('node_cpu_seconds_total', equal('mode', mode));
}

const CONTAINER = ['namespace', 'pod', 'uid', 'container'];

type NodeMetric = Omit<MetricDefinition, 'group' | 'scope' | 'exporter'>;

const NODE: readonly NodeMetric[] = [
  {
    column: 'cpu_usage_ratio',
    selector: cpuMode('idle'),
    kind: 'counter',
    combine: 'mean',
    parts: ['cpu'],
    shape: 'complement',
    promql: '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))',
    ifAbsent: 'No load forecast and no placement by load: nothing works without it.',
  },
  {
    column: 'cpu_iowait_ratio',
    selector: cpuMode('iowait'),
    kind: 'counter',
    combine: 'mean',
    parts: ['cpu'],
    shape: 'ratio',
    promql: 'avg by (instance) (rate(node_cpu_seconds_total{mode="iowait"}[1m]))',
    ifAbsent: 'Slow disks look like idle processors to the health model.',
  },
  {
    column: 'cpu_steal_ratio',
    selector: cpuMode('steal'),
    kind: 'counter',
    combine: 'mean',
    parts: ['cpu'],
    shape: 'ratio',
    promql: 'avg by (instance) (rate(node_cpu_seconds_total{mode="steal"}[1m]))',
    ifAbsent: 'Time taken by the hypervisor goes unseen; harmless on bare metal.',
  },
  {
    column: 'cpu_load_average',
    selector: named('node_load1'),
    kind: 'gauge',
    combine: 'max',
    parts: [],
    shape: 'plain',
    promql: 'node_load1',
    ifAbsent: 'Queues for the processor are known from pressure only.',
  },
  {
    column: 'cpu_pressure_ratio',
    selector: named('node_pressure_cpu_waiting_seconds_total'),
    kind: 'counter',
    combine: 'max',
    parts: [],
    shape: 'ratio',
    promql: 'rate(node_pressure_cpu_waiting_seconds_total[1m])',
    ifAbsent: 'Contention is known from load only (kernel without PSI).',
  },
  {
    column: 'memory_capacity_bytes',
    selector: named('node_memory_MemTotal_bytes'),
    kind: 'gauge',
    combine: 'max',
    parts: [],
    shape: 'plain',
    promql: 'node_memory_MemTotal_bytes',
    ifAbsent: 'No memory forecast: the use cannot be put in relation.',
  },
  {
    column: 'memory_available_bytes',
    selector: named('node_memory_MemAvailable_bytes'),
    kind: 'gauge',
    combine: 'max',
    parts: [],
    shape: 'plain',
    promql: 'node_memory_MemAvailable_bytes',
    ifAbsent: 'No memory forecast.',
  },
  {
    column: 'memory_pressure_ratio',
    selector: named('node_pressure_memory_waiting_seconds_total'),
    kind: 'counter',
    combine: 'max',
    parts: [],
    shape: 'ratio',
    promql: 'rate(node_pressure_memory_waiting_seconds_total[1m])',
    ifAbsent: 'Reclaim stalls are not seen before they hurt (kernel without PSI).',
  },
];

const SCHEDULING: readonly Omit<MetricDefinition, 'group'>[] = [
  {
    column: 'pods_running',
    scope: 'node',
    exporter: 'kubelet',
    selector: named('kubelet_running_pods|kubelet_running_pod_count'),
    kind: 'gauge',
    combine: 'max',
    parts: [],
    shape: 'plain',
    promql: '{__name__=~"kubelet_running_pods|kubelet_running_pod_count"}',
    ifAbsent: 'Pod counts come from the API server only, not from history.',
  },
  {
    column: 'cpu_requested_cores',
    scope: 'node',
    exporter: 'kube-state-metrics',
    selector: named('kube_pod_container_resource_requests|kube_pod_container_resource_requests_cpu_cores', {
      name: 'resource',
      type: '=~',
      // Before kube-state-metrics 2 the resource was part of the name.
      value: 'cpu|',
    }),
    kind: 'gauge',
    combine: 'sum',
    parts: CONTAINER,
    shape: 'plain',
    promql:
      'sum by (node) ({__name__=~"kube_pod_container_resource_requests|kube_pod_container_resource_requests_cpu_cores",resource=~"cpu|"})',
    ifAbsent: 'Requests against real use cannot be compared over the past.',
  },
  {
    column: 'memory_requested_bytes',
    scope: 'node',
    exporter: 'kube-state-metrics',
    selector: named(
      'kube_pod_container_resource_requests|kube_pod_container_resource_requests_memory_bytes',
      {
        name: 'resource',
        type: '=~',
        value: 'memory|',
      },
    ),
    kind: 'gauge',
    combine: 'sum',
    parts: CONTAINER,
    shape: 'plain',
    promql:
      'sum by (node) ({__name__=~"kube_pod_container_resource_requests|kube_pod_container_resource_requests_memory_bytes",resource=~"memory|"})',
    ifAbsent: 'Requests against real use cannot be compared over the past.',
  },
  {
    column: 'pods_pending',
    scope: 'cluster',
    exporter: 'kube-scheduler',
    selector: named('scheduler_pending_pods'),
    kind: 'gauge',
    combine: 'sum',
    parts: ['instance', 'queue'],
    shape: 'plain',
    promql: 'sum(scheduler_pending_pods)',
    ifAbsent: 'Queue length before and after the rollout cannot be compared.',
  },
  {
    column: 'scheduling_attempts_per_second',
    scope: 'cluster',
    exporter: 'kube-scheduler',
    selector: named('scheduler_schedule_attempts_total'),
    kind: 'counter',
    combine: 'sum',
    parts: ['instance', 'profile', 'result'],
    shape: 'plain',
    promql: 'sum(rate(scheduler_schedule_attempts_total[1m]))',
    ifAbsent: 'The share of failed attempts before the rollout is not known.',
  },
  {
    column: 'scheduling_seconds_per_second',
    scope: 'cluster',
    exporter: 'kube-scheduler',
    // The second name was that of Kubernetes up to 1.22.
    selector: named(
      'scheduler_scheduling_attempt_duration_seconds_sum|scheduler_e2e_scheduling_duration_seconds_sum',
    ),
    kind: 'counter',
    combine: 'sum',
    parts: ['instance', 'profile', 'result', 'attempts'],
    shape: 'plain',
    promql:
      'sum(rate({__name__=~"scheduler_scheduling_attempt_duration_seconds_sum|scheduler_e2e_scheduling_duration_seconds_sum"}[1m]))',
    ifAbsent: 'Scheduling latency before the rollout is not known.',
  },
];

const NETWORK_STORAGE: readonly NodeMetric[] = [
  {
    column: 'network_receive_bytes_per_second',
    selector: named('node_network_receive_bytes_total', {
      name: 'device',
      type: '!~',
      value: VIRTUAL_DEVICES,
    }),
    kind: 'counter',
    combine: 'sum',
    parts: ['device'],
    shape: 'plain',
    promql: `sum by (instance) (rate(node_network_receive_bytes_total{device!~"${VIRTUAL_DEVICES}"}[1m]))`,
    ifAbsent: 'The health model is blind to the network.',
  },
  {
    column: 'network_transmit_bytes_per_second',
    selector: named('node_network_transmit_bytes_total', {
      name: 'device',
      type: '!~',
      value: VIRTUAL_DEVICES,
    }),
    kind: 'counter',
    combine: 'sum',
    parts: ['device'],
    shape: 'plain',
    promql: `sum by (instance) (rate(node_network_transmit_bytes_total{device!~"${VIRTUAL_DEVICES}"}[1m]))`,
    ifAbsent: 'The health model is blind to the network.',
  },
  {
    column: 'disk_busy_ratio',
    selector: named('node_disk_io_time_seconds_total', { name: 'device', type: '!~', value: VIRTUAL_DISKS }),
    kind: 'counter',
    combine: 'max',
    parts: ['device'],
    shape: 'ratio',
    promql: `max by (instance) (rate(node_disk_io_time_seconds_total{device!~"${VIRTUAL_DISKS}"}[1m]))`,
    ifAbsent: 'A saturated disk (a Longhorn rebuild, say) goes unseen.',
  },
  {
    column: 'filesystem_available_bytes',
    selector: named('node_filesystem_avail_bytes', equal('mountpoint', '/')),
    kind: 'gauge',
    combine: 'max',
    parts: ['device'],
    shape: 'plain',
    promql: 'node_filesystem_avail_bytes{mountpoint="/"}',
    ifAbsent: 'Disk-pressure evictions come without warning.',
  },
];

/** The 18 metrics: 8 of nodes, 6 of scheduling, 4 of network and storage (REQUIREMENTS DATA-1). */
export const METRIC_CATALOGUE: readonly MetricDefinition[] = [
  ...NODE.map((metric) => ({ ...metric, group: 'node', scope: 'node', exporter: 'node_exporter' }) as const),
  ...SCHEDULING.map((metric) => ({ ...metric, group: 'scheduling' }) as const),
  ...NETWORK_STORAGE.map(
    (metric) => ({ ...metric, group: 'network-storage', scope: 'node', exporter: 'node_exporter' }) as const,
  ),
];
