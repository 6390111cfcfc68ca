import type { LifeProfile } from './workload-profile.ts';

/** How long a pod lived, or has lived so far. */
export interface Lifetime {
  readonly seconds: number;
  readonly hasEnded: boolean;
}

/** Sums up lives of which some still go on (right-censored). */
export function lifeOf(lives: readonly Lifetime[]): LifeProfile {
  const finishedPods = lives.filter(({ hasEnded }) => hasEnded).length;
  const lived = lives.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    finishedPods,
    runningPods: lives.length - finishedPods,
    meanSeconds: finishedPods === 0 ? null : lived / finishedPods,
    medianSeconds: kaplanMeierMedian(lives),
  };
}

/**
 * The age that half reach, by the product-limit estimate (Kaplan and Meier 1958).
 *
 * @returns Null when fewer than half are known to have ended.
 */
function kaplanMeierMedian(lives: readonly Lifetime[]): number | null {
  const sorted = lives.toSorted((a, b) => a.seconds - b.seconds);
  let surviving = 1;
  for (let at = 0; at < sorted.length;) {
    const { seconds } = sorted[at] as Lifetime;
    let next = at;
    let ended = 0;
    while (sorted[next]?.seconds === seconds) ended += sorted[next++]?.hasEnded === true ? 1 : 0;
    surviving *= 1 - ended / (sorted.length - at);
    if (surviving <= 0.5) return seconds;
    at = next;
  }
  return null;
}
