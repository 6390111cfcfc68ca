import { hashText } from '#kernel/rng';

/** What a run may be used for. `all` is for data that training never saw as a whole. */
export type Split = 'train' | 'validation' | 'test' | 'all';

/** Share of the units (VM families, load machines) per split; units are told apart by a stable hash. */
const UNIT_BOUNDS = { train: [0, 0.55], validation: [0.55, 0.7], test: [0.7, 1], all: [0, 1] } as const;

/** Share of the arrivals' time span per split: earlier trains, later tests. */
const TIME_BOUNDS = { train: [0, 0.42], validation: [0.42, 0.58], test: [0.58, 1], all: [0, 1] } as const;

/**
 * Whether a unit (a VM family, a machine) belongs to a split. The answer depends on the unit's name alone, so
 * it never changes when data are added.
 */
export function isInSplit(unit: string, split: Split): boolean {
  const position = spread(hashText(`split/${unit}`)) / 0x1_0000_0000;
  const [low, high] = UNIT_BOUNDS[split];
  return position >= low && position < high;
}

/** Finaliser of MurmurHash3: names that differ in their last letter only must not land side by side. */
function spread(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** The part `[start, end)` of the arrivals' time that a split may use, in seconds. */
export function arrivalWindow(firstSeconds: number, lastSeconds: number, split: Split): [number, number] {
  const span = lastSeconds - firstSeconds + 1;
  const [low, high] = TIME_BOUNDS[split];
  return [firstSeconds + Math.floor(span * low), firstSeconds + Math.floor(span * high)];
}

/**
 * Day files of a set that are split by whole days (PlanetLab): one day in four validates, one in four tests.
 * Days are ordered, so that the newest test.
 */
export function daysOfSplit(days: readonly string[], split: Split): string[] {
  const sorted = [...days].sort();
  if (split === 'all') return sorted;
  const validation = Math.floor(sorted.length / 2);
  const test = Math.floor((sorted.length * 3) / 4);
  if (split === 'train') return sorted.slice(0, validation);
  return split === 'validation' ? sorted.slice(validation, test) : sorted.slice(test);
}
