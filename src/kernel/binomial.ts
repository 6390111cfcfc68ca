import type { Interval } from './stats.ts';

/**
 * Exact interval of a share from counts (Clopper and Pearson 1934): covers the true share at least as often as promised,
 * also for few counts, where the usual approximation does not.
 *
 * @param successes - Whole, 0..`trials`.
 * @param confidence - In (0, 1); 0.95 by default. Each end by itself is a bound of `(1 + confidence) / 2`.
 * @returns For no trials 0..1 with a mean of NaN.
 */
export function clopperPearson(successes: number, trials: number, confidence = 0.95): Interval {
  if (trials === 0) return { mean: Number.NaN, low: 0, high: 1 };
  const tail = (1 - confidence) / 2;
  return {
    mean: successes / trials,
    low: successes === 0 ? 0 : bisect((p) => 1 - atMost(successes - 1, trials, p) > tail),
    high: successes === trials ? 1 : bisect((p) => atMost(successes, trials, p) < tail),
  };
}

/** Smallest share in 0..1 for which a condition holds that holds for all larger ones. */
function bisect(holds: (p: number) => boolean): number {
  let low = 0;
  let high = 1;
  // 50 halvings reach the precision of a double near 1.
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}

/** Probability of at most `most` successes in `trials` with share `p`; in logarithms, so that no term vanishes early. */
function atMost(most: number, trials: number, p: number): number {
  if (p <= 0) return 1;
  if (p >= 1) return most >= trials ? 1 : 0;
  let logTerm = trials * Math.log1p(-p);
  let sum = Math.exp(logTerm);
  const odds = Math.log(p) - Math.log1p(-p);
  for (let k = 1; k <= most; k++) {
    logTerm += Math.log(trials - k + 1) - Math.log(k) + odds;
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}
