import { outOfRange, wrongUnits } from './errors.ts';

/** Rounding noise above the ceiling that is cut off without a word, as a share of it. */
const NOISE_RATIO = 0.0001;
/** Above this share of values over the ceiling the column is in other units; below it, single samples are broken. */
const UNITS_SHARE = 0.01;

interface ColumnFaults {
  known: number;
  above: number;
  firstAbove: number;
  firstBad: number;
  maximum: number;
}

/**
 * Checks that a column holds ratios in 0..ceiling, NaN where unknown, and cuts rounding noise (up to 0.01 %
 * above the ceiling) to the ceiling.
 *
 * @param values - One value a row in file order; changed in place.
 * @param ceiling - Largest sound value; 1 unless use may exceed what was asked for.
 * @throws MlschedError `MLS_COLLECT_WRONG_UNITS` when more than 1 % of the known values lie above,
 *   `MLS_COLLECT_OUT_OF_RANGE` on the first negative, infinite or too large one; both name file, column, row, value.
 */
export function checkRatios(
  values: Float64Array,
  at: { readonly file: string; readonly column: string },
  ceiling = 1,
): void {
  const faults = findFaults(values, ceiling);
  if (faults.above > UNITS_SHARE * faults.known) {
    const row = faults.firstAbove;
    throw wrongUnits({ ...at, row, value: values[row] as number }, faults.maximum);
  }
  if (faults.firstBad >= 0) {
    const row = faults.firstBad;
    throw outOfRange({ ...at, row, value: values[row] as number }, `a ratio in 0..${ceiling}`);
  }
}

// hot: once a value of every data set
function findFaults(values: Float64Array, ceiling: number): ColumnFaults {
  const faults: ColumnFaults = { known: 0, above: 0, firstAbove: -1, firstBad: -1, maximum: -Infinity };
  const clipped = ceiling * (1 + NOISE_RATIO);
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number;
    if (value >= 0 && value <= ceiling) {
      faults.known++;
    } else if (value > ceiling && value <= clipped) {
      faults.known++;
      values[row] = ceiling;
    } else if (!Number.isNaN(value)) {
      noteFault(faults, row, value);
    }
  }
  return faults;
}

function noteFault(faults: ColumnFaults, row: number, value: number): void {
  faults.known++;
  if (faults.firstBad < 0) faults.firstBad = row;
  if (value < 0 || value === Infinity) return;
  faults.above++;
  if (faults.firstAbove < 0) faults.firstAbove = row;
  if (value > faults.maximum) faults.maximum = value;
}
