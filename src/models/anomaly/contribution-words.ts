import type { Contribution } from './types.ts';

/** Above this a number of sigmas says no more than "far". */
const MOST_SIGMAS = 999;

/**
 * Says in words what stands out, the furthest first: `memory up 6 sigma, disk latency up 4, network receive down 3`.
 *
 * @returns `nothing stands out by itself` for no contributions.
 */
export function describeContributions(contributions: readonly Contribution[]): string {
  if (contributions.length === 0) return 'nothing stands out by itself';
  return contributions
    .map(({ metric, sigma }, i) => {
      const size = Math.min(MOST_SIGMAS, Math.round(Math.abs(sigma)));
      return `${spell(metric)} ${sigma < 0 ? 'down' : 'up'} ${size}${i === 0 ? ' sigma' : ''}`;
    })
    .join(', ');
}

/** A metric's name as words: `diskLatencyMs` and `disk_latency_ms` are `disk latency ms`. */
function spell(metric: string): string {
  return metric
    .replaceAll('_', ' ')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase();
}
