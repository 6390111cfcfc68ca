import { readLoadSeries } from '#collect';
import { systemClock } from '#kernel/clock';
import { createLog } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import type { Progress } from '#kernel/progress';
import { openFeatureStore, type FeatureStorePlace } from './feature-store.ts';
import { loadDirectory } from './features-build.ts';
import { createOnlineFeatures, type OnlineRound } from './features-online.ts';
import { serveFeatures, type ServeFeaturesOptions } from './features-serve.ts';

export interface PushFeaturesOptions {
  readonly dataDirectory: string;
  readonly place: FeatureStorePlace;
  readonly cluster: string;
  readonly progress: Progress;
}

/**
 * Stores the newest features of a history, once.
 *
 * @throws MlschedError those of `readLoadSeries`, `openFeatureStore` and the store.
 */
export async function pushFeatures(options: PushFeaturesOptions): Promise<OnlineRound> {
  const store = openFeatureStore(options.place);
  try {
    const series = await readLoadSeries(loadDirectory(options.dataDirectory), { progress: options.progress });
    return await createOnlineFeatures({ store, cluster: options.cluster }).push(series, systemClock.nowMs());
  } finally {
    await store.close();
  }
}

export type RunFeatureServiceOptions = { readonly place: FeatureStorePlace } & Omit<
  ServeFeaturesOptions,
  'store' | 'clock' | 'log' | 'registry' | 'signal'
>;

/** Runs the live service of this process until SIGTERM or SIGINT. */
export async function runFeatureService({ place, ...options }: RunFeatureServiceOptions): Promise<void> {
  const store = openFeatureStore(place);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  // Instead of the immediate end of other commands: the round that is under way is finished first.
  process.removeAllListeners('SIGINT');
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  try {
    await serveFeatures({
      ...options,
      store,
      clock: systemClock,
      log: createLog({ service: 'features' }),
      registry: createMetricRegistry('features'),
      signal: ending.signal,
    });
  } finally {
    await store.close();
  }
}
