import { z } from 'zod';
import { HOUR_SECONDS, SECOND_MS } from '#kernel/units';
import { brokenStream } from './errors.ts';
import { createTransport } from './http.ts';
import type { Transport } from './http.ts';
import { sortSamples } from './samples.ts';
import type { PrometheusOptions, PrometheusReader, PrometheusSeries, SampleSelection } from './types.ts';
import { SampleBuffer } from './xor-chunk.ts';

const DEFAULT_WINDOW_SECONDS = 6 * HOUR_SECONDS;

const Answer = z.object({
  data: z.object({
    resultType: z.literal('matrix'),
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        values: z.array(z.tuple([z.number(), z.string()])).default([]),
      }),
    ),
  }),
});

/**
 * Reads raw samples by range selectors (`metric[6h]`) of the query endpoint, for servers and proxies without
 * remote read, such as Thanos.
 *
 * Not `query_range`: that evaluates on a grid with a look-back of 5 minutes, so it fills gaps and hides the
 * true times. Windows share no sample: neighbours that do (Prometheus 2 closes them at both ends) are cut.
 */
export function createQueryReader(options: PrometheusOptions): PrometheusReader {
  const transport = createTransport(options);
  return {
    protocol: 'query',
    read: (selection) => readByQuery(options, transport, selection),
    clockSkewMs: () => transport.clockSkewMs(),
  };
}

async function* readByQuery(
  options: PrometheusOptions,
  transport: Transport,
  selection: SampleSelection,
): AsyncGenerator<PrometheusSeries> {
  const windowMs = (options.windowSeconds ?? DEFAULT_WINDOW_SECONDS) * SECOND_MS;
  const found = new Map<string, { labels: Record<string, string>; samples: SampleBuffer }>();
  for (let fromMs = selection.startMs; fromMs < selection.endMs; fromMs += windowMs) {
    const window = { ...selection, startMs: fromMs, endMs: Math.min(fromMs + windowMs, selection.endMs) };
    for (const { metric, values } of await queryWindow(options.url, transport, window)) {
      const key = seriesKey(metric);
      const series = found.get(key) ?? { labels: metric, samples: new SampleBuffer() };
      found.set(key, series);
      appendValues(series.samples, values, window);
    }
  }
  for (const { labels, samples } of found.values()) yield { labels, ...sortSamples(samples) };
}

function seriesKey(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(
    Object.keys(labels)
      .sort()
      .map((name) => [name, labels[name]]),
  );
}

async function queryWindow(
  url: string,
  transport: Transport,
  window: SampleSelection,
): Promise<z.infer<typeof Answer>['data']['result']> {
  // The window ends one millisecond early: its last moment belongs to the next one.
  const lastMs = window.endMs - 1;
  const selector = window.matchers
    .map(({ name, type, value }) => `${name}${type}${JSON.stringify(value)}`)
    .join(',');
  const { body } = await transport.post('/api/v1/query', {
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'accept-encoding': 'gzip' },
    body: new URLSearchParams({
      query: `{${selector}}[${window.endMs - window.startMs}ms]`,
      time: (lastMs / SECOND_MS).toFixed(3),
    }).toString(),
  });
  const text = await readText(body);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw brokenStream(url, 'no JSON');
  }
  const answer = Answer.safeParse(parsed);
  if (!answer.success) throw brokenStream(url, answer.error.issues[0]?.message ?? 'unknown form');
  return answer.data.data.result;
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

function appendValues(
  samples: SampleBuffer,
  values: readonly (readonly [number, string])[],
  { startMs, endMs }: SampleSelection,
): void {
  samples.reserve(values.length);
  for (const [seconds, text] of values) {
    const timeMs = Math.round(seconds * SECOND_MS);
    if (timeMs < startMs || timeMs >= endMs) continue;
    samples.timesMs[samples.length] = timeMs;
    samples.values[samples.length] = parseValue(text);
    samples.length++;
  }
}

function parseValue(text: string): number {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}
