/** Running sums of a Pearson correlation. */
export interface PairSums {
  n: number;
  sumA: number;
  sumB: number;
  squaresA: number;
  squaresB: number;
  cross: number;
}

const sums: PairSums = { n: 0, sumA: 0, sumB: 0, squaresA: 0, squaresB: 0, cross: 0 };

/** Empties the one scratch: sums of two correlations must not be built at the same time. */
export function startPairs(): PairSums {
  sums.n = 0;
  sums.sumA = 0;
  sums.sumB = 0;
  sums.squaresA = 0;
  sums.squaresB = 0;
  sums.cross = 0;
  return sums;
}

/** Leaves out pairs with a NaN. */
export function addPair(into: PairSums, a: number, b: number): void {
  if (a + b !== a + b) return;
  into.n += 1;
  into.sumA += a;
  into.sumB += b;
  into.squaresA += a * a;
  into.squaresB += b * b;
  into.cross += a * b;
}

/** NaN below 6 pairs or where one side does not move. */
export function pearsonOf({ n, sumA, sumB, squaresA, squaresB, cross }: PairSums): number {
  const spread = (squaresA - (sumA * sumA) / n) * (squaresB - (sumB * sumB) / n);
  return n < 6 || !(spread > 1e-14) ? Number.NaN : (cross - (sumA * sumB) / n) / Math.sqrt(spread);
}
