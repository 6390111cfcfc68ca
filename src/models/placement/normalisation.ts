/** Shift and scale of each column, so that a network sees values around 0 with spread about 1. */
export interface Normalisation {
  readonly mean: Float32Array;
  /** Reciprocal of the standard deviation; 0 for a column that never varied in training. */
  readonly inverseSd: Float32Array;
}

/** Normalised values are cut here: a feature far outside of what training saw must not run away. */
export const NORMALISED_LIMIT = 5;

export function identityNormalisation(columns: number): Normalisation {
  return { mean: new Float32Array(columns), inverseSd: new Float32Array(columns).fill(1) };
}

/** Normalises rows in place; row-major, shape `[count, columns]`. */
export function normaliseRows(normalisation: Normalisation, rows: Float32Array, count: number): void {
  const { mean, inverseSd } = normalisation;
  const columns = mean.length;
  for (let at = 0; at < count * columns; at += columns) {
    for (let c = 0; c < columns; c++) {
      const value = ((rows[at + c] as number) - (mean[c] as number)) * (inverseSd[c] as number);
      rows[at + c] =
        value > NORMALISED_LIMIT ? NORMALISED_LIMIT : value < -NORMALISED_LIMIT ? -NORMALISED_LIMIT : value;
    }
  }
}

/** Collects mean and spread of columns row by row (Welford 1962). */
export class ColumnMoments {
  private readonly mean: Float64Array;
  private readonly squares: Float64Array;
  private rows = 0;

  constructor(columns: number) {
    this.mean = new Float64Array(columns);
    this.squares = new Float64Array(columns);
  }

  add(rows: Float32Array, count: number): void {
    const columns = this.mean.length;
    for (let r = 0; r < count; r++) {
      this.rows++;
      for (let c = 0; c < columns; c++) {
        const value = rows[r * columns + c] as number;
        const distance = value - (this.mean[c] as number);
        this.mean[c] = (this.mean[c] as number) + distance / this.rows;
        this.squares[c] = (this.squares[c] as number) + distance * (value - (this.mean[c] as number));
      }
    }
  }

  finish(): Normalisation {
    const inverseSd = Float32Array.from(this.squares, (sum) => {
      const sd = Math.sqrt(sum / Math.max(this.rows, 1));
      return sd > 1e-6 ? 1 / sd : 0;
    });
    return { mean: Float32Array.from(this.mean), inverseSd };
  }
}
