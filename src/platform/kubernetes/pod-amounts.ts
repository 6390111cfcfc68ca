import { quantityMillis, quantityValue } from './quantity.ts';
import type {
  RawAmounts,
  RawContainer,
  RawContainerStatus,
  RawPod,
  RawPodSpec,
  RawPodStatus,
} from './raw.ts';

/** CPU and memory; 0 = not set. */
interface Amounts {
  readonly cpuMillicores: number;
  readonly memoryBytes: number;
}

const NOTHING: Amounts = { cpuMillicores: 0, memoryBytes: 0 };

/** What the scheduler counts for a pod (k8s.io/component-helpers/resource: `PodRequests` and `PodLimits`). */
export interface PodAmounts {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

/**
 * Sums a pod's containers as the scheduler does: containers and restartable init containers together, at least the
 * largest moment of the initialisation; amounts set for the whole pod replace that; overhead is added (to limits only
 * where there is one). While a resize is under way the larger of what is wanted and what is given counts.
 */
export function podAmounts(pod: RawPod): PodAmounts {
  const spec = pod.spec ?? {};
  const status = pod.status ?? {};
  const isInfeasible = isResizeInfeasible(status);
  const overhead = amountsOf(spec.overhead);
  const requests = override(effective(spec, status, isInfeasible, REQUESTS), spec.resources?.requests);
  const limits = override(effective(spec, status, isInfeasible, LIMITS), spec.resources?.limits);
  return {
    requests: add(requests, overhead),
    limits: {
      cpuMillicores: limits.cpuMillicores === 0 ? 0 : limits.cpuMillicores + overhead.cpuMillicores,
      memoryBytes: limits.memoryBytes === 0 ? 0 : limits.memoryBytes + overhead.memoryBytes,
    },
  };
}

/** Amounts of one container under one reading of spec and status. */
type Reading = (
  container: RawContainer,
  status: RawContainerStatus | undefined,
  isInfeasible: boolean,
) => RawAmounts | undefined;

const specRequests: Reading = (container) => container.resources?.requests;
const allocatedRequests: Reading = (container, status, isInfeasible) =>
  status?.allocatedResources ?? (isInfeasible ? undefined : container.resources?.requests);
const actuatedRequests: Reading = (container, status, isInfeasible) =>
  status?.resources?.requests ?? allocatedRequests(container, status, isInfeasible);
const specLimits: Reading = (container) => container.resources?.limits;
const actuatedLimits: Reading = (container, status, isInfeasible) =>
  status?.resources?.limits ?? (isInfeasible ? undefined : container.resources?.limits);

/** The reading of the spec first, then those of the status. */
const REQUESTS: readonly Reading[] = [specRequests, allocatedRequests, actuatedRequests];
const LIMITS: readonly Reading[] = [specLimits, actuatedLimits];

function effective(
  spec: RawPodSpec,
  status: RawPodStatus,
  isInfeasible: boolean,
  readings: readonly Reading[],
): Amounts {
  // A resize that the node cannot grant never counts.
  const counted = isInfeasible ? readings.slice(1) : readings;
  const hasStatus = status.containerStatuses !== undefined || status.initContainerStatuses !== undefined;
  if (!hasStatus && !isInfeasible) return aggregate(spec, status, false, readings[0] as Reading);
  return counted
    .map((reading) => aggregate(spec, status, isInfeasible, reading))
    .reduce((left, right) => largest(left, right), NOTHING);
}

function aggregate(spec: RawPodSpec, status: RawPodStatus, isInfeasible: boolean, read: Reading): Amounts {
  const amountsFor = (container: RawContainer): Amounts =>
    amountsOf(read(container, statusOf(status, container.name), isInfeasible));
  let total = (spec.containers ?? []).reduce((sum, container) => add(sum, amountsFor(container)), NOTHING);
  let sidecars = NOTHING;
  let initialising = NOTHING;
  for (const container of spec.initContainers ?? []) {
    const amounts = amountsFor(container);
    const isSidecar = container.restartPolicy === 'Always';
    if (isSidecar) {
      total = add(total, amounts);
      sidecars = add(sidecars, amounts);
    }
    initialising = largest(initialising, isSidecar ? sidecars : add(amounts, sidecars));
  }
  return largest(total, initialising);
}

function statusOf(status: RawPodStatus, name: string | undefined): RawContainerStatus | undefined {
  const isIt = (candidate: RawContainerStatus): boolean => candidate.name === name;
  return status.containerStatuses?.find(isIt) ?? status.initContainerStatuses?.find(isIt);
}

function isResizeInfeasible(status: RawPodStatus): boolean {
  return status.conditions?.find(({ type }) => type === 'PodResizePending')?.reason === 'Infeasible';
}

function override(amounts: Amounts, podLevel: RawAmounts | undefined): Amounts {
  if (podLevel === undefined) return amounts;
  return {
    cpuMillicores: podLevel['cpu'] === undefined ? amounts.cpuMillicores : millis(podLevel['cpu']),
    memoryBytes: podLevel['memory'] === undefined ? amounts.memoryBytes : whole(podLevel['memory']),
  };
}

function amountsOf(raw: RawAmounts | undefined): Amounts {
  if (raw === undefined) return NOTHING;
  return { cpuMillicores: millis(raw['cpu']), memoryBytes: whole(raw['memory']) };
}

function millis(value: unknown): number {
  return value === undefined ? 0 : quantityMillis(value) || 0;
}

function whole(value: unknown): number {
  return value === undefined ? 0 : quantityValue(value) || 0;
}

function add(left: Amounts, right: Amounts): Amounts {
  return {
    cpuMillicores: left.cpuMillicores + right.cpuMillicores,
    memoryBytes: left.memoryBytes + right.memoryBytes,
  };
}

function largest(left: Amounts, right: Amounts): Amounts {
  return {
    cpuMillicores: Math.max(left.cpuMillicores, right.cpuMillicores),
    memoryBytes: Math.max(left.memoryBytes, right.memoryBytes),
  };
}
