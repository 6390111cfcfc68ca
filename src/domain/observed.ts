import type { QosClass } from './pod.ts';

/** Milliseconds since the Unix epoch, or undefined when it has not happened (yet). */
type MomentMs = number | undefined;

/** A node as the API server shows it. */
export interface ObservedNode {
  readonly name: string;
  readonly uid: string;
  /** Addresses of every type (internal, external, host name), as they stand in the status. */
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly cpuCapacityMillicores: number;
  readonly memoryCapacityBytes: number;
  readonly cpuAllocatableMillicores: number;
  readonly memoryAllocatableBytes: number;
  readonly podsAllocatable: number;
  /** Condition `Ready` is `True`; false also when the condition is unknown or absent. */
  readonly isReady: boolean;
  /** Cordoned (`spec.unschedulable`). */
  readonly isCordoned: boolean;
  readonly taints: readonly ObservedTaint[];
  readonly createdAtMs: MomentMs;
}

export interface ObservedTaint {
  readonly key: string;
  readonly value: string;
  readonly effect: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
}

/** What runs a pod at the top: the Deployment above its ReplicaSet, the CronJob above its Job. */
export interface ObservedOwner {
  /** `Pod` for a pod that nobody controls. */
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** A pod as the API server shows it. Amounts are what the scheduler counts: containers, init containers, overhead. */
export interface ObservedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Undefined until it is bound. */
  readonly nodeName: string | undefined;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly schedulerName: string;
  readonly owner: ObservedOwner;
  readonly labels: Readonly<Record<string, string>>;
  readonly priorityClass: string | undefined;
  readonly priority: number;
  readonly qos: QosClass;
  /** 0 = not set, as in Kubernetes. */
  readonly cpuRequestMillicores: number;
  readonly cpuLimitMillicores: number;
  readonly memoryRequestBytes: number;
  readonly memoryLimitBytes: number;
  readonly createdAtMs: MomentMs;
  /** When the kubelet started it. */
  readonly startedAtMs: MomentMs;
}
