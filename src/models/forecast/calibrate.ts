import { FEATURE_COUNT } from '#features';

import { chooseAnnouncePosition } from './announcement.ts';
import { conformalOffsets, type CalibrationRows } from './conformal.ts';
import { HISTORY_DAYS_COLUMN, YOUNG_DAYS, type ScaledRows } from './scaling.ts';
import type { ConformalOffsets, HorizonCalibration } from './types.ts';

/** Fewer rows than this give no tail of their own. */
const FEWEST_ROWS = 60;

/** What the models that saw the fit rows alone say of the calibration rows, in deviations from the last value. */
interface CalibrationSet {
  readonly rows: ScaledRows;
  readonly medians: Float32Array;
  readonly raw: CalibrationRows;
}

/**
 * Learns the corrections of one (resource, horizon) from rows that neither model saw.
 *
 * @remarks Machines with less than a day of history are a group of their own: their band is never narrower than that
 *   of the others.
 */
export function calibrateHorizon({ rows, medians, raw }: CalibrationSet): HorizonCalibration {
  const isYoung = (row: number): boolean =>
    (rows.values[row * FEATURE_COUNT + HISTORY_DAYS_COLUMN] as number) < YOUNG_DAYS;
  const settled = conformalOffsets(pickRows(raw, (row) => !isYoung(row)));
  const youngRows = pickRows(raw, isYoung);
  const young = youngRows.truth.length < FEWEST_ROWS ? settled : wider(conformalOffsets(youngRows), settled);
  return { settled, young, announcePosition: announcePosition({ rows, medians, raw }, settled) };
}

function pickRows(raw: CalibrationRows, isWanted: (row: number) => boolean): CalibrationRows {
  const take = (values: Float32Array): Float32Array => values.filter((_, row) => isWanted(row));
  return { low: take(raw.low), high: take(raw.high), truth: take(raw.truth) };
}

function wider(a: ConformalOffsets, b: ConformalOffsets): ConformalOffsets {
  return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
}

function announcePosition({ rows, medians, raw }: CalibrationSet, offsets: ConformalOffsets): number {
  const toRatio = (deviations: Float32Array, shift: number): Float32Array =>
    deviations.map((value, i) =>
      Math.min(
        1,
        Math.max(0, (rows.anchors[i] as number) + (value + shift) * (rows.deviations[i] as number)),
      ),
    );
  return chooseAnnouncePosition({
    low05: toRatio(raw.low, -offsets.low),
    median: toRatio(medians, 0),
    high95: toRatio(raw.high, offsets.high),
    actual: toRatio(rows.labels, 0),
  });
}
