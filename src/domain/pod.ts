/** Quality of service as Kubernetes derives it from requests and limits. */
export type QosClass = 'guaranteed' | 'burstable' | 'best-effort';

/**
 * What a scheduler knows of a pod before it runs. Amounts are sums over its containers plus overhead.
 *
 * @remarks For requests and limits 0 means "not set", as in Kubernetes; it never means "unknown".
 */
export interface PodSpec {
  /** Identity within one cluster; dense small integers, never reused within a run. */
  readonly uid: number;
  /** Workload that the pod belongs to (its top controller), a dense index into `ClusterView.workloads`. */
  readonly ownerId: number;
  readonly cpuRequestMillicores: number;
  readonly cpuLimitMillicores: number;
  readonly memoryRequestBytes: number;
  readonly memoryLimitBytes: number;
  /** Value of the priority class, higher is more important; 0 by default. */
  readonly priority: number;
  readonly qos: QosClass;
  /** True for a DaemonSet's pod: it is bound to its node and never chosen for. */
  readonly isDaemon: boolean;
}

/** What stock kube-scheduler counts, for scoring only, for a pod that requests no CPU. */
export const DEFAULT_CPU_REQUEST_MILLICORES = 100;

/** What stock kube-scheduler counts, for scoring only, for a pod that requests no memory (200 MB). */
export const DEFAULT_MEMORY_REQUEST_BYTES = 200 * 1024 * 1024;

/** CPU request as stock counts it when scoring: 100 m when none is set. */
export function scoringCpuMillicores(pod: PodSpec): number {
  return pod.cpuRequestMillicores === 0 ? DEFAULT_CPU_REQUEST_MILLICORES : pod.cpuRequestMillicores;
}

/** Memory request as stock counts it when scoring: 200 MiB when none is set. */
export function scoringMemoryBytes(pod: PodSpec): number {
  return pod.memoryRequestBytes === 0 ? DEFAULT_MEMORY_REQUEST_BYTES : pod.memoryRequestBytes;
}

/** Requests and limits alone, for `qosOf`. */
type PodAmounts = Pick<
  PodSpec,
  'cpuRequestMillicores' | 'cpuLimitMillicores' | 'memoryRequestBytes' | 'memoryLimitBytes'
>;

/** Kubernetes' rule: all set and request = limit is guaranteed, nothing set is best-effort. */
export function qosOf(pod: PodAmounts): QosClass {
  const { cpuRequestMillicores, cpuLimitMillicores, memoryRequestBytes, memoryLimitBytes } = pod;
  if (cpuRequestMillicores + cpuLimitMillicores + memoryRequestBytes + memoryLimitBytes === 0)
    return 'best-effort';
  const isGuaranteed =
    cpuRequestMillicores > 0 &&
    memoryRequestBytes > 0 &&
    cpuRequestMillicores === cpuLimitMillicores &&
    memoryRequestBytes === memoryLimitBytes;
  return isGuaranteed ? 'guaranteed' : 'burstable';
}
