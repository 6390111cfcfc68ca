import { z } from 'zod';
import { createHttpClient } from '#platform/http-client';
import type { HttpClient, HttpClientOptions } from '#platform/http-client';
import { checkWrite, judgeRows, wantedFeatures } from './checks.ts';
import { answerUnexpected } from './errors.ts';
import type { FeatureStore, ReadRequest, WriteRequest } from './types.ts';

export type HttpStoreOptions = Omit<HttpClientOptions, 'service'>;

/** A number, or how the server spells what JSON has no number for; anything else is no number. */
const Value = z.union([z.number(), z.string(), z.boolean(), z.null()]);
const Answer = z.object({
  metadata: z.object({ feature_names: z.array(z.string()) }),
  results: z.array(z.object({ values: z.array(Value), event_timestamps: z.array(z.string()).default([]) })),
});

/** Talks to Feast's feature server: for stores that only it can reach. */
export function createHttpStore(options: HttpStoreOptions): FeatureStore {
  const client = createHttpClient({ ...options, service: 'the Feast feature server' });
  return {
    mode: 'http',
    async read(request) {
      const wanted = wantedFeatures(request);
      if (request.entities.length === 0) return judgeRows(request, new Float64Array(0), new Float64Array(0));
      const answer = await client.send({
        method: 'POST',
        path: '/get-online-features',
        body: {
          features: wanted.map((feature) => `${request.view.name}:${feature}`),
          entities: Object.fromEntries(
            request.view.joinKeys.map((key, i) => [key, request.entities.map((entity) => entity[i])]),
          ),
        },
        isRepeatable: true,
      });
      return decodeAnswer(options.baseUrl, request, { wanted, body: answer.json() });
    },
    write: (request) => push(client, request),
    close: () => client.close(),
  };
}

function decodeAnswer(
  baseUrl: string,
  request: ReadRequest,
  { wanted, body }: { readonly wanted: readonly string[]; readonly body: unknown },
) {
  const parsed = Answer.safeParse(body);
  const url = new URL(baseUrl).host;
  if (!parsed.success) throw answerUnexpected(url, parsed.error.issues[0]?.message ?? 'unknown form');
  const { metadata, results } = parsed.data;
  const rows = request.entities.length;
  const values = new Float64Array(rows * wanted.length);
  const eventMs = new Float64Array(rows).fill(Number.NaN);
  for (const [i, feature] of wanted.entries()) {
    // Columns come in any order.
    const column = results[metadata.feature_names.indexOf(feature)];
    if (column?.values.length !== rows) throw answerUnexpected(url, `no ${rows} values of ${feature}`);
    for (let row = 0; row < rows; row++) {
      values[row * wanted.length + i] = numberOf(column.values[row]);
      const timeMs = Date.parse(column.event_timestamps[row] ?? '');
      // A row that is not there comes with the epoch.
      if (timeMs > 0) eventMs[row] = timeMs;
    }
  }
  return judgeRows(request, values, eventMs);
}

function numberOf(value: z.infer<typeof Value> | undefined): number {
  return typeof value === 'number' || typeof value === 'boolean' ? Number(value) : Number.NaN;
}

async function push(client: HttpClient, request: WriteRequest) {
  checkWrite(request);
  const { view, entities, eventMs, values } = request;
  if (entities.length === 0) return { rows: 0, skipped: 0 };
  const width = view.features.length;
  const columns: Record<string, unknown[]> = {};
  for (const [i, key] of view.joinKeys.entries()) columns[key] = entities.map((entity) => entity[i]);
  columns['event_timestamp'] = Array.from(eventMs, (timeMs) => new Date(timeMs).toISOString());
  for (const [i, feature] of view.features.entries()) {
    columns[feature] = entities.map((_, row) => {
      const value = values[row * width + i] as number;
      return Number.isNaN(value) ? null : value;
    });
  }
  await client.send({
    method: 'POST',
    path: '/push',
    body: { push_source_name: `${view.name}_push`, df: columns, to: 'online' },
    // An older row never replaces a newer one, so a second time does no harm.
    isRepeatable: true,
  });
  return { rows: entities.length, skipped: undefined };
}
