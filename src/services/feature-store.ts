import { MlschedError } from '#kernel/errors';
import { createHttpStore, createRedisStore, type FeatureStore } from '#platform/feast';
import { createRedisConnection } from '#platform/redis';

/** Which online store, and how to reach it. Exactly one of `redisUrl` and `serverUrl`. */
export interface FeatureStorePlace {
  /** Redis in Feast's layout, read and written directly. */
  readonly redisUrl?: string;
  /** Feast's feature server. */
  readonly serverUrl?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly caFile?: string;
  /** File with a bearer token for the feature server. */
  readonly tokenFile?: string;
  /** Feast's project. */
  readonly project: string;
  readonly timeoutMs?: number;
}

/**
 * Opens an online feature store; its own `close` ends the connection too.
 *
 * @throws MlschedError `MLS_SERVICES_NO_STORE`, `MLS_REDIS_ADDRESS`.
 */
export function openFeatureStore(place: FeatureStorePlace): FeatureStore {
  const { redisUrl, serverUrl, project } = place;
  if ((redisUrl === undefined) === (serverUrl === undefined)) throw noStore();
  if (serverUrl !== undefined)
    return createHttpStore({ baseUrl: serverUrl, ...given(place, ['caFile', 'tokenFile']) });
  const wanted = ['username', 'passwordFile', 'caFile', 'timeoutMs'] as const;
  const connection = createRedisConnection({ url: redisUrl as string, ...given(place, wanted) });
  return { ...createRedisStore({ connection, project }), close: () => connection.close() };
}

/** Those of some settings that are there. */
function given<Key extends keyof FeatureStorePlace>(
  place: FeatureStorePlace,
  keys: readonly Key[],
): { [name in Key]?: NonNullable<FeatureStorePlace[name]> } {
  return Object.fromEntries(
    keys.flatMap((key) => (place[key] === undefined ? [] : [[key, place[key]]])),
  ) as never;
}

function noStore(): MlschedError {
  return new MlschedError('MLS_SERVICES_NO_STORE', 'it is not said which online feature store to use', {
    kind: 'invalid-input',
    hint: 'Give either --redis redis://host:port (or MLSCHED_REDIS_URL) or --server http://host:port of a Feast feature server.',
  });
}
