/** A line through points, by least squares. */
export interface LinearFit {
  readonly slope: number;
  /** Standard error of the slope; NaN with fewer than three points. */
  readonly slopeError: number;
}

/** @param x - As long as `y`, at least two different values. */
export function linearFit(x: readonly number[], y: readonly number[]): LinearFit {
  const count = x.length;
  const meanX = x.reduce((sum, value) => sum + value, 0) / count;
  const meanY = y.reduce((sum, value) => sum + value, 0) / count;
  let squares = 0;
  let products = 0;
  for (let at = 0; at < count; at++) {
    squares += ((x[at] ?? 0) - meanX) ** 2;
    products += ((x[at] ?? 0) - meanX) * ((y[at] ?? 0) - meanY);
  }
  const slope = products / squares;
  let residual = 0;
  for (let at = 0; at < count; at++) residual += ((y[at] ?? 0) - meanY - slope * ((x[at] ?? 0) - meanX)) ** 2;
  return { slope, slopeError: count > 2 ? Math.sqrt(residual / (count - 2) / squares) : NaN };
}
