import { clopperPearson } from '#kernel/binomial';
import type { Interval } from '#kernel/stats';

/** What an operator said of one incident. */
export interface JudgedIncident {
  /** Strongest evidence of the incident, in multiples of the model's own alert threshold. */
  readonly peakStrength: number;
  /** True: the node really was in trouble. */
  readonly isTrue: boolean;
}

/** A threshold and why it is that. */
export interface TunedThreshold {
  readonly kind: 'kept' | 'raised' | 'lowered';
  /** In multiples of the model's own alert threshold. */
  readonly multiple: number;
  readonly trueIncidents: number;
  readonly falseIncidents: number;
  /** Share of true incidents among those that the present threshold lets through, exact 95 % interval. */
  readonly precision: Interval;
  /** For a person. */
  readonly reason: string;
}

export interface TuneOptions {
  /** Share of incidents that shall be true. */
  readonly targetPrecision?: number;
}

export const DEFAULT_TARGET_PRECISION = 0.94;
const LEAST_MULTIPLE = 0.5;
const MOST_MULTIPLE = 4;
/** One tuning raises the threshold by no more than this. */
const MOST_RAISE = 1.5;
const RAISE_STEP = 1.05;
const LOWER_STEP = 0.9;
/** Each bound by itself holds with 95 %. */
const BOUND_CONFIDENCE = 0.9;

/**
 * Moves the alert threshold by what operators said about past incidents.
 *
 * Raised to the least threshold at which the verdicts no longer rule out the target precision; lowered by a tenth when they
 * prove that it is kept; otherwise left alone. Bounded to 0.5..4 times the model's own threshold and to half as much again
 * at once. Monotone: one more true verdict never raises the result, one more false verdict never lowers it.
 */
export function tuneThreshold(
  judged: readonly JudgedIncident[],
  current: number,
  options: TuneOptions = {},
): TunedThreshold {
  const target = options.targetPrecision ?? DEFAULT_TARGET_PRECISION;
  const present = countFrom(judged, current);
  const facts = {
    trueIncidents: present.right,
    falseIncidents: present.all - present.right,
    precision: clopperPearson(present.right, present.all),
  };
  const said = `${present.right} of ${present.all} judged incidents at the present threshold were true`;
  const raised = raise(judged, current, target);
  if (raised > current) {
    const reason = `${said}: that rules out a precision of ${percent(target)}, so weaker evidence no longer opens incidents`;
    return { kind: 'raised', multiple: raised, ...facts, reason };
  }
  const lowered = Math.max(LEAST_MULTIPLE, current * LOWER_STEP);
  if (lowered < current && bounds(present).low >= target) {
    const reason = `${said}: a precision of ${percent(target)} is proved, so the threshold comes down a tenth to see more`;
    return { kind: 'lowered', multiple: lowered, ...facts, reason };
  }
  const reason =
    current >= MOST_MULTIPLE && bounds(present).high < target
      ? `${said}, and the threshold is at its upper end: learn again from newer history`
      : `${said}: that neither rules out nor proves a precision of ${percent(target)}`;
  return { kind: 'kept', multiple: current, ...facts, reason };
}

interface Count {
  readonly right: number;
  readonly all: number;
}

function countFrom(judged: readonly JudgedIncident[], multiple: number): Count {
  const above = judged.filter(({ peakStrength }) => peakStrength >= multiple);
  return { all: above.length, right: above.filter(({ isTrue }) => isTrue).length };
}

function bounds({ right, all }: Count): Interval {
  return clopperPearson(right, all, BOUND_CONFIDENCE);
}

/** Least threshold from the present one upwards that the verdicts do not speak against. */
function raise(judged: readonly JudgedIncident[], current: number, target: number): number {
  const most = Math.max(current, Math.min(MOST_MULTIPLE, current * MOST_RAISE));
  for (let multiple = current; multiple < most; multiple *= RAISE_STEP) {
    if (bounds(countFrom(judged, multiple)).high >= target) return multiple;
  }
  return most;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}
