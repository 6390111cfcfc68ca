import { DAY_SECONDS, HOUR_SECONDS, MINUTE_SECONDS } from '#kernel/units';
import { scoreHistory } from '#models/anomaly';
import type { AnomalyModel, TrainingSpan } from '#models/anomaly';

/** Where the injected faults end, as shares of a machine's history. */
const FAULT_ENDS = [0.8, 0.87, 0.95];
/** History that the model sees before each. */
const PAST_SECONDS = 3 * DAY_SECONDS;
const FULL_RATIO = 0.99;
/** From here a node is suspect. */
export const SUSPECT_STRENGTH = 0.25;

/** Length, and what a sample becomes: `progress` runs from 0 to 1 over the fault. */
interface Fault {
  readonly seconds: number;
  change(cpu: number, memory: number, progress: number): readonly [cpu: number, memory: number];
}

const FAULTS: readonly Fault[] = [
  { seconds: 20 * MINUTE_SECONDS, change: () => [FULL_RATIO, FULL_RATIO] },
  {
    seconds: 5 * HOUR_SECONDS,
    change: (cpu, memory, progress) => [cpu, memory + (FULL_RATIO - memory) * progress],
  },
];

/**
 * Injects jumps and leaks into the newest part of each machine.
 *
 * @param spans - Rows of CPU and memory, at the step of the model.
 * @returns Share of the faults in which the node becomes suspect or worse and was not so in the half hour before;
 *   0 without a machine that has the history for one.
 */
export function shareOfFaultsSeen(model: AnomalyModel, spans: readonly TrainingSpan[]): number {
  const plans = FAULT_ENDS.flatMap((endRatio) => FAULTS.map((fault) => ({ endRatio, fault })));
  let injected = 0;
  let seen = 0;
  for (const { rows } of spans) {
    for (const { endRatio, fault } of plans) {
      const end = Math.floor((rows.length / 2) * endRatio);
      const length = Math.round(fault.seconds / model.stepSeconds);
      const changed = withFault(rows, fault, { end, length, stepSeconds: model.stepSeconds });
      if (changed === undefined) continue;
      injected++;
      if (isSeen(scoreHistory(model, changed), length, model.stepSeconds)) seen++;
    }
  }
  return injected === 0 ? 0 : seen / injected;
}

/** A copy of the history before `end` whose last `length` steps hold the fault; undefined where nothing is known. */
function withFault(
  rows: Float32Array,
  fault: Fault,
  {
    end,
    length,
    stepSeconds,
  }: { readonly end: number; readonly length: number; readonly stepSeconds: number },
): Float32Array | undefined {
  const start = end - length;
  const from = start - Math.round(PAST_SECONDS / stepSeconds);
  const before = rows.subarray(Math.max(0, start - Math.round(HOUR_SECONDS / stepSeconds)) * 2, start * 2);
  if (from < 0 || before.some(Number.isNaN)) return undefined;
  const changed = rows.slice(from * 2, end * 2);
  for (let i = 0; i < length; i++) {
    const at = (start - from + i) * 2;
    changed.set(fault.change(changed[at] as number, changed[at + 1] as number, (i + 1) / length), at);
  }
  return changed;
}

function isSeen(strengths: Float64Array, length: number, stepSeconds: number): boolean {
  const start = strengths.length - length;
  const before = strengths.subarray(start - Math.round(HOUR_SECONDS / 2 / stepSeconds), start);
  const isSuspect = (strength: number): boolean => strength >= SUSPECT_STRENGTH;
  return !before.every(isSuspect) && strengths.subarray(start).some(isSuspect);
}
