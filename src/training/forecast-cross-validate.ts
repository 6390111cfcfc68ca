import type { HorizonMinutes, LoadTarget, RawLoadSeries } from '#domain';
import { phasedSeries } from '#features';
import { MINUTE_MS } from '#kernel/units';
import type { Progress } from '#kernel/progress';
import { mean } from '#kernel/stats';

import { evaluateSeries } from './evaluate-forecast.ts';
import type { ForecastEffort } from './forecast-efforts.ts';
import type { ForecastResult } from './forecast-score.ts';
import { cutSeries } from './forecast-young.ts';

/**
 * Ends of the rolling origins, as shares of each machine's span. Each origin trains on the first 85 % of what lies
 * before its end and judges the rest. The last one ends where the test span of the protocol begins: nothing that is
 * chosen here has seen it.
 */
export const ROLLING_ENDS = [0.55, 0.7, 0.85] as const;

export interface CrossValidationOptions {
  readonly effort: ForecastEffort;
  readonly seed: number;
  readonly targets?: readonly LoadTarget[];
  readonly horizons?: readonly HorizonMinutes[];
  /** @defaultValue `ROLLING_ENDS` */
  readonly ends?: readonly number[];
  readonly workers?: number;
  readonly progress?: Progress;
  /** Called after each origin with the mean so far; `stop` ends the run there (a pruned trial). */
  readonly onOrigin?: (origin: OriginScore, meanMase: number) => Promise<'continue' | 'stop'>;
}

/** One origin: ours on each resource and horizon. */
interface OriginScore {
  readonly endRatio: number;
  readonly mase: number;
  readonly results: readonly ForecastResult[];
}

export interface CrossValidation {
  readonly origins: readonly OriginScore[];
  /** Mean over the origins of the mean error / error of the last value; below 1 is better than the last value. */
  readonly mase: number;
  /** False when `onOrigin` stopped it. */
  readonly isComplete: boolean;
}

/**
 * Judges an effort on rolling origins of the past.
 *
 * @throws MlschedError as `evaluateForecast`.
 */
export async function crossValidateForecast(
  series: readonly RawLoadSeries[],
  options: CrossValidationOptions,
): Promise<CrossValidation> {
  const origins: OriginScore[] = [];
  for (const endRatio of options.ends ?? ROLLING_ENDS) {
    const { effort, seed, targets, horizons, workers, progress } = options;
    const evaluation = await evaluateSeries(cutAtShare(series, endRatio), {
      effort,
      seed,
      ...(targets === undefined ? {} : { targets }),
      ...(horizons === undefined ? {} : { horizons }),
      ...(workers === undefined ? {} : { workers }),
      ...(progress === undefined ? {} : { progress }),
    });
    const results = evaluation.results.filter(({ model }) => model === 'mlsched');
    const origin = { endRatio, mase: mean(results.map(({ mase }) => mase)), results };
    origins.push(origin);
    const soFar = mean(origins.map(({ mase }) => mase));
    if ((await options.onOrigin?.(origin, soFar)) === 'stop')
      return { origins, mase: soFar, isComplete: false };
  }
  return { origins, mase: mean(origins.map(({ mase }) => mase)), isComplete: true };
}

/** The first share of each machine's span. */
export function cutAtShare(series: readonly RawLoadSeries[], share: number): RawLoadSeries[] {
  return series.map((raw) => {
    const { startMs, length } = phasedSeries(raw, 0);
    const endMs = startMs + Math.floor(length * share) * 5 * MINUTE_MS;
    return cutSeries(raw, Number.NEGATIVE_INFINITY, endMs - 1);
  });
}
