export { createHttpStore } from './http-store.ts';
export type { HttpStoreOptions } from './http-store.ts';
export { createRedisStore } from './redis-store.ts';
export type { RedisStoreOptions } from './redis-store.ts';
export type {
  EntityName,
  FeatureStore,
  OnlineRows,
  OnlineView,
  ReadRequest,
  RowState,
  WriteReport,
  WriteRequest,
} from './types.ts';
