import { z } from 'zod';
import { SECOND_MS } from '#kernel/units';
import { brokenStream } from './errors.ts';
import { createTransport } from './http.ts';
import type { PrometheusOptions, PrometheusSeries } from './types.ts';

const labels = z.record(z.string(), z.string());
const point = z.tuple([z.number(), z.string()]);

const VectorAnswer = z.object({
  data: z.object({
    resultType: z.literal('vector'),
    result: z.array(z.object({ metric: labels, value: point })),
  }),
});
const MatrixAnswer = z.object({
  data: z.object({
    resultType: z.literal('matrix'),
    result: z.array(z.object({ metric: labels, values: z.array(point) })),
  }),
});

/** One value of an expression at one moment. */
export interface EvaluatedValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Evaluates an expression at one moment, on the server: the cheapest way to one number a node.
 *
 * @throws MlschedError `MLS_PROMETHEUS_*`.
 */
export async function evaluateAt(
  options: PrometheusOptions,
  query: string,
  atMs: number,
): Promise<EvaluatedValue[]> {
  const answer = await ask(options, '/api/v1/query', { query, time: seconds(atMs) }, VectorAnswer);
  return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: numberOf(value[1]) }));
}

export interface EvaluationSpan {
  readonly startMs: number;
  /** Included. */
  readonly endMs: number;
  readonly stepSeconds: number;
}

/**
 * Evaluates an expression on a grid; moments without a value are left out.
 *
 * @throws MlschedError `MLS_PROMETHEUS_*`.
 */
export async function evaluateOver(
  options: PrometheusOptions,
  query: string,
  span: EvaluationSpan,
): Promise<PrometheusSeries[]> {
  const parameters = {
    query,
    start: seconds(span.startMs),
    end: seconds(span.endMs),
    step: String(span.stepSeconds),
  };
  const answer = await ask(options, '/api/v1/query_range', parameters, MatrixAnswer);
  return answer.data.result.map(({ metric, values }) => ({
    labels: metric,
    timesMs: Float64Array.from(values, ([time]) => Math.round(time * SECOND_MS)),
    values: Float64Array.from(values, ([, value]) => numberOf(value)),
  }));
}

async function ask<Schema extends z.ZodType>(
  options: PrometheusOptions,
  path: string,
  parameters: Readonly<Record<string, string>>,
  schema: Schema,
): Promise<z.output<Schema>> {
  const { body } = await createTransport(options).post(path, {
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'accept-encoding': 'gzip' },
    body: new URLSearchParams(parameters).toString(),
  });
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    throw brokenStream(options.url, 'no JSON');
  }
  const answer = schema.safeParse(parsed);
  if (!answer.success) throw brokenStream(options.url, answer.error.issues[0]?.message ?? 'unknown form');
  return answer.data;
}

function seconds(timeMs: number): string {
  return (timeMs / SECOND_MS).toFixed(3);
}

/** Infinite values are written `+Inf` and `-Inf`; what we evaluate has none that make sense. */
function numberOf(text: string): number {
  return Number(text);
}
