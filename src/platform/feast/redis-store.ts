import type { RedisConnection } from '#platform/redis';
import { checkWrite, judgeRows, wantedFeatures } from './checks.ts';
import {
  decodeNumber,
  decodeTime,
  encodeFloat,
  encodeTime,
  entityKey,
  featureField,
  timeField,
} from './layout.ts';
import { eachString } from './message-pack.ts';
import { READ_ROWS, WRITE_ROWS } from './redis-scripts.ts';
import type { FeatureStore, ReadRequest, WriteReport, WriteRequest } from './types.ts';

export interface RedisStoreOptions {
  readonly connection: RedisConnection;
  /** Feast's project; it is part of every key. */
  readonly project: string;
  /** Redis drops an entity this long after its last write (Feast's `key_ttl_seconds`); default: never. */
  readonly keyTtlSeconds?: number;
}

/** Values that one script handles: about a millisecond in which Redis serves nobody else. */
const VALUES_A_SCRIPT = 4000;

/**
 * Reads and writes Feast's own Redis layout directly: the hot path.
 *
 * @remarks The user needs EVAL beside HMGET, HGET, HSET and EXPIRE. The connection stays open for its owner to close.
 */
export function createRedisStore(options: RedisStoreOptions): FeatureStore {
  const fieldsOf = createFieldCache();
  return {
    mode: 'redis',
    read: (request) => readRows(options, fieldsOf, request),
    write: (request) => writeRows(options, fieldsOf, request),
    close: () => Promise.resolve(),
  };
}

type FieldCache = (view: string, features: readonly string[]) => readonly Buffer[];

/** The fields of the last list of names are kept: callers ask for the same ones every time. */
function createFieldCache(): FieldCache {
  const kept = new Map<
    string,
    { readonly features: readonly string[]; readonly fields: readonly Buffer[] }
  >();
  return (view, features) => {
    const held = kept.get(view);
    if (held?.features === features) return held.fields;
    const fields = [...features.map((feature) => featureField(view, feature)), timeField(view)];
    kept.set(view, { features, fields });
    return fields;
  };
}

function chunksOf<T>(items: readonly T[], fields: number): T[][] {
  const size = Math.max(1, Math.floor(VALUES_A_SCRIPT / fields));
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

async function readRows(
  { connection, project }: RedisStoreOptions,
  fieldsOf: FieldCache,
  request: ReadRequest,
) {
  const { view, entities } = request;
  const wanted = wantedFeatures(request);
  const fields = fieldsOf(view.name, wanted);
  const keys = entities.map((entity) => entityKey(view.joinKeys, entity, project));
  const values = new Float64Array(entities.length * wanted.length);
  const eventMs = new Float64Array(entities.length);
  if (keys.length === 0) return judgeRows(request, values, eventMs);
  const replies = await connection.run((commands) =>
    Promise.all(
      chunksOf(keys, fields.length).map(
        (chunk) => commands.eval(READ_ROWS, { keys: chunk, arguments: [...fields] }) as Promise<unknown>,
      ),
    ),
  );
  for (const [row, packed] of (replies.flat() as Buffer[]).entries()) {
    eventMs[row] = unpackRow(packed, values, { at: row * wanted.length, width: wanted.length });
  }
  return judgeRows(request, values, eventMs);
}

/** @returns The event time; NaN when the entity has none. */
function unpackRow(
  packed: Buffer,
  values: Float64Array,
  { at, width }: { readonly at: number; readonly width: number },
): number {
  let timeMs = Number.NaN;
  eachString(packed, (i, from, end) => {
    if (i === width) timeMs = from < 0 ? Number.NaN : decodeTime(packed.subarray(from, end));
    else values[at + i] = from < 0 ? Number.NaN : decodeNumber(packed, from, end);
  });
  return timeMs;
}

async function writeRows(
  options: RedisStoreOptions,
  fieldsOf: FieldCache,
  request: WriteRequest,
): Promise<WriteReport> {
  checkWrite(request);
  const { view, entities } = request;
  const fields = fieldsOf(view.name, view.features);
  const head = [String(options.keyTtlSeconds ?? 0), String(fields.length), ...fields];
  let stored = 0;
  for (const rows of chunksOf([...entities.keys()], fields.length)) {
    const keys = rows.map((row) =>
      entityKey(view.joinKeys, entities[row] as readonly string[], options.project),
    );
    const packed = rows.map((row) => packRow(request, row));
    // One after another, each with a deadline of its own: a large write must not look like a server that hangs.
    stored += Number(
      await options.connection.run((commands) =>
        commands.eval(WRITE_ROWS, { keys, arguments: [...head, ...packed] }),
      ),
    );
  }
  return { rows: stored, skipped: entities.length - stored };
}

function packRow({ view, values, eventMs }: WriteRequest, row: number): Buffer {
  const width = view.features.length;
  const parts: Buffer[] = [];
  const add = (value: Buffer): number => parts.push(Buffer.of(value.length), value);
  for (let i = 0; i < width; i++) add(encodeFloat(values[row * width + i] as number));
  add(encodeTime(eventMs[row] as number));
  return Buffer.concat(parts);
}
