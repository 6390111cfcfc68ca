import { z } from 'zod';
import type { MlflowModelVersion, MlflowRun } from './types.ts';

/** MLflow sends 64-bit numbers now as numbers, now as text. */
const whole = z.coerce.number();
const pair = z.object({ key: z.string(), value: z.string().default('') });

export const RunAnswer = z
  .object({
    info: z.object({
      run_id: z.string(),
      experiment_id: z.string(),
      run_name: z.string().default(''),
      status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']),
      start_time: whole,
      end_time: whole.optional(),
      artifact_uri: z.string(),
    }),
    data: z
      .object({
        params: z.array(pair).default([]),
        tags: z.array(pair).default([]),
        metrics: z.array(z.object({ key: z.string() })).default([]),
      })
      .default({ params: [], tags: [], metrics: [] }),
  })
  .transform(({ info, data }): MlflowRun => ({
    runId: info.run_id,
    experimentId: info.experiment_id,
    name: info.run_name,
    status: info.status,
    startedAtMs: info.start_time,
    // 0 while it runs
    endedAtMs: info.end_time || undefined,
    artifactUri: info.artifact_uri,
    parameters: data.params,
    tags: data.tags,
    metricNames: data.metrics.map(({ key }) => key),
  }));

export const VersionAnswer = z
  .object({
    name: z.string(),
    version: whole,
    creation_timestamp: whole,
    source: z.string().default(''),
    run_id: z.string().optional(),
    tags: z.array(pair).default([]),
  })
  .transform((found): MlflowModelVersion => ({
    name: found.name,
    version: found.version,
    createdAtMs: found.creation_timestamp,
    source: found.source,
    runId: found.run_id || undefined,
    tags: Object.fromEntries(found.tags.map(({ key, value }) => [key, value])),
  }));

export const MetricAnswer = z.object({
  key: z.string(),
  // NaN and infinities come as text.
  value: z.coerce.number(),
  timestamp: whole,
  step: whole.default(0),
});
