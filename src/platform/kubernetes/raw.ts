/**
 * The fields of Kubernetes objects that we read, as they come in JSON. Everything is optional: an older or newer server
 * may leave out what this one sends.
 */
export interface RawMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly RawOwner[];
}

interface RawOwner {
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly controller?: boolean;
}

export interface RawObject {
  readonly metadata?: RawMeta;
}

/** Resource name -> quantity. */
export type RawAmounts = Readonly<Record<string, unknown>>;

export interface RawNode extends RawObject {
  readonly spec?: {
    readonly unschedulable?: boolean;
    readonly taints?: readonly RawTaint[];
  };
  readonly status?: {
    readonly capacity?: RawAmounts;
    readonly allocatable?: RawAmounts;
    readonly addresses?: readonly { readonly type?: string; readonly address?: string }[];
    readonly conditions?: readonly RawCondition[];
  };
}

export interface RawTaint {
  readonly key?: string;
  readonly value?: string;
  readonly effect?: string;
}

interface RawCondition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
}

interface RawResources {
  readonly requests?: RawAmounts;
  readonly limits?: RawAmounts;
}

export interface RawContainer {
  readonly name?: string;
  readonly resources?: RawResources;
  readonly restartPolicy?: string;
}

export interface RawContainerStatus {
  readonly name?: string;
  readonly resources?: RawResources;
  readonly allocatedResources?: RawAmounts;
}

export interface RawPodSpec {
  readonly nodeName?: string;
  readonly schedulerName?: string;
  readonly priorityClassName?: string;
  readonly priority?: number;
  readonly overhead?: RawAmounts;
  readonly resources?: RawResources;
  readonly containers?: readonly RawContainer[];
  readonly initContainers?: readonly RawContainer[];
}

export interface RawPodStatus {
  readonly phase?: string;
  readonly qosClass?: string;
  readonly startTime?: string;
  readonly conditions?: readonly RawCondition[];
  readonly containerStatuses?: readonly RawContainerStatus[];
  readonly initContainerStatuses?: readonly RawContainerStatus[];
}

export interface RawPod extends RawObject {
  readonly spec?: RawPodSpec;
  readonly status?: RawPodStatus;
}

/** What names an object; undefined for one that lacks it. */
export function identityOf({
  metadata,
}: RawObject): { name: string; namespace: string; uid: string } | undefined {
  const { name, namespace = '', uid } = metadata ?? {};
  return name === undefined || uid === undefined ? undefined : { name, namespace, uid };
}

/** Milliseconds of an RFC 3339 time; undefined when it is absent or none. */
export function momentMs(time: string | undefined): number | undefined {
  if (time === undefined) return undefined;
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms;
}
