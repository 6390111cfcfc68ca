export { createRedisConnection } from './connection.ts';
export type { RedisCommands, RedisConnection, RedisOptions } from './connection.ts';
