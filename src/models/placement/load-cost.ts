/** CPU use above which a node counts as overloaded; as in the placement objective. */
export const OVERLOAD_RATIO = 0.8;

/**
 * Standard normal distribution function, absolute error below 7.5e-8 (Abramowitz & Stegun 26.2.17).
 */
export function normalCdf(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const upper = Math.exp((-z * z) / 2) * 0.3989422804014327 * tail;
  return z >= 0 ? 1 - upper : upper;
}

/** Share of the time that a load with this mean and deviation spends above a threshold. */
export function shareAbove(meanRatio: number, sdRatio: number, threshold: number): number {
  if (!(sdRatio > 0)) return meanRatio > threshold ? 1 : 0;
  return normalCdf((meanRatio - threshold) / sdRatio);
}

/** Expected amount by which such a load exceeds a threshold (normal partial expectation). */
export function expectedExcess(meanRatio: number, sdRatio: number, threshold: number): number {
  const over = meanRatio - threshold;
  if (!(sdRatio > 0)) return Math.max(0, over);
  const z = over / sdRatio;
  return over * normalCdf(z) + sdRatio * Math.exp((-z * z) / 2) * 0.3989422804014327;
}
