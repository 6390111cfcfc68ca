/**
 * Turns costs into scores around 0.5: how much cheaper a candidate is than the average one, bent so that
 * large differences end near 0 and 1 while small ones keep their proportion.
 *
 * @param values - Costs, lower is better, NaN = unknown; replaced by 0..1, higher is better, NaN kept.
 * @param scale - Cost difference at which a score reaches 0.5 +- 0.38.
 */
export function relativeScores(values: Float64Array, count: number, scale: number): void {
  let sum = 0;
  let known = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    sum += value;
    known++;
  }
  const mean = sum / known;
  for (let i = 0; i < count; i++) values[i] = 0.5 + 0.5 * Math.tanh((mean - (values[i] as number)) / scale);
}
