import type { NodeLoadRecord, ObjectiveParts } from './types.ts';

/** What one accounting step saw; arrays shape `[nodes]`, valid during the call only. */
export interface StepSample {
  readonly secondsSinceStart: number;
  /** 1 for the nodes that count: ready and open to ordinary pods. */
  readonly isCounted: Uint8Array;
  readonly cpuDemandMillicores: Float64Array;
  readonly cpuCapacityMillicores: Float64Array;
  readonly ordinaryPods: Int32Array;
}

/** Collects the parts of the objective over the measured span. */
export interface Accounting {
  step(sample: StepSample): void;
  readonly counts: AccountingCounts;
  parts(): ObjectiveParts;
  record(): NodeLoadRecord | undefined;
}

/** Events that the simulator counts itself. */
interface AccountingCounts {
  pods: number;
  oomKills: number;
  unschedulablePods: number;
  neverScheduledPods: number;
  queuedPods: number;
  queueSeconds: number;
}

const HISTOGRAM_BINS = 2000;
const RECORD_SECONDS = 300;

/** @param nodeNames - Given only when the node load shall be recorded. */
export function createAccounting(
  stepSeconds: number,
  nodeCount: number,
  nodeNames: readonly string[] | undefined,
): Accounting {
  const histogram = new Float64Array(HISTOGRAM_BINS + 1);
  const sums: StepSums = {
    steps: 0,
    over80: 0,
    over95: 0,
    nodeSteps: 0,
    lost: 0,
    demanded: 0,
    spread: 0,
    empty: 0,
  };
  const counts: AccountingCounts = {
    pods: 0,
    oomKills: 0,
    unschedulablePods: 0,
    neverScheduledPods: 0,
    queuedPods: 0,
    queueSeconds: 0,
  };
  const recorder = nodeNames === undefined ? undefined : createRecorder(nodeNames);
  const nodeStep = (ratio: number, capacity: number): void => {
    const usage = Math.min(ratio, 1);
    histogram[Math.floor(usage * HISTOGRAM_BINS)] =
      (histogram[Math.floor(usage * HISTOGRAM_BINS)] as number) + 1;
    if (usage > 0.8) sums.over80++;
    if (usage > 0.95) sums.over95++;
    sums.demanded += ratio * capacity;
    if (ratio > 1) sums.lost += (ratio - 1) * capacity;
  };
  return {
    counts,
    step(sample) {
      let counted = 0;
      let sum = 0;
      let squares = 0;
      for (let node = 0; node < nodeCount; node++) {
        if (sample.isCounted[node] === 0) continue;
        const capacity = sample.cpuCapacityMillicores[node] as number;
        const ratio = (sample.cpuDemandMillicores[node] as number) / capacity;
        const usage = Math.min(ratio, 1);
        counted++;
        sum += usage;
        squares += usage * usage;
        if (sample.ordinaryPods[node] === 0) sums.empty++;
        nodeStep(ratio, capacity);
      }
      sums.steps++;
      sums.nodeSteps += counted;
      if (counted > 0) sums.spread += Math.sqrt(Math.max(squares / counted - (sum / counted) ** 2, 0));
      recorder?.step(sample);
    },
    parts: () => buildParts(sums, counts, stepSeconds, histogram),
    record: () => recorder?.finish(),
  };
}

/** Running sums over the steps of the measured span. */
interface StepSums {
  steps: number;
  over80: number;
  over95: number;
  nodeSteps: number;
  lost: number;
  demanded: number;
  spread: number;
  empty: number;
}

function buildParts(
  sums: StepSums,
  counts: AccountingCounts,
  stepSeconds: number,
  histogram: Float64Array,
): ObjectiveParts {
  const toMinutes = stepSeconds / 60;
  const toCoreHours = stepSeconds / 3_600_000;
  return {
    overloadNodeMinutes80: sums.over80 * toMinutes,
    overloadNodeMinutes95: sums.over95 * toMinutes,
    nodeMinutes: sums.nodeSteps * toMinutes,
    lostCpuCoreHours: sums.lost * toCoreHours,
    demandedCpuCoreHours: sums.demanded * toCoreHours,
    oomKills: counts.oomKills,
    pods: counts.pods,
    p99NodeCpuRatio: histogramQuantile(histogram, 0.99),
    imbalanceRatio: sums.spread / sums.steps,
    emptyNodesMean: sums.empty / sums.steps,
    unschedulablePods: counts.unschedulablePods,
    neverScheduledPods: counts.neverScheduledPods,
    queueSecondsMean: counts.queuedPods === 0 ? 0 : counts.queueSeconds / counts.queuedPods,
  };
}

/** Upper edge of the bin that holds the quantile; bins are 0.05 points wide. */
function histogramQuantile(histogram: Float64Array, q: number): number {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (let bin = 0; bin < histogram.length; bin++) {
    seen += histogram[bin] as number;
    if (seen >= q * total && seen > 0) return Math.min((bin + 1) / HISTOGRAM_BINS, 1);
  }
  return Number.NaN;
}

function createRecorder(nodeNames: readonly string[]) {
  const times: number[] = [];
  const columns: Float32Array[] = [];
  return {
    step(sample: StepSample): void {
      if (sample.secondsSinceStart % RECORD_SECONDS !== 0) return;
      times.push(sample.secondsSinceStart);
      columns.push(
        Float32Array.from(nodeNames, (_, node) =>
          sample.isCounted[node] === 1
            ? (sample.cpuDemandMillicores[node] as number) / (sample.cpuCapacityMillicores[node] as number)
            : Number.NaN,
        ),
      );
    },
    finish(): NodeLoadRecord {
      const cpuDemandRatio = new Float32Array(nodeNames.length * times.length);
      columns.forEach((column, t) =>
        column.forEach((ratio, node) => {
          cpuDemandRatio[node * times.length + t] = ratio;
        }),
      );
      return { nodeNames, timeSeconds: Int32Array.from(times), cpuDemandRatio };
    },
  };
}
