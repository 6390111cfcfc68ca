import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

import { systemClock, type Clock } from '#kernel/clock';
import { isMlschedError } from '#kernel/errors';
import { readJson, writeJson } from '#platform/files';

import { metricInvalid, runConflict, runNotFound } from './errors.ts';
import type { ActiveRun, ExperimentTracker, MetricPoint, RunOptions, RunRecord } from './types.ts';

export interface FileTrackerOptions {
  /** @defaultValue `.mlsched/runs` under the current directory. */
  readonly home?: string;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

const DEFAULT_RUNS_HOME = '.mlsched/runs';

const RUN_FILE = 'run.json';
const METRICS_FILE = 'metrics.jsonl';

type RunFacts = Omit<RunRecord, 'metrics' | 'endedAtMs'> & { readonly endedAtMs?: number };

const runSchema: z.ZodType<RunFacts> = z.object({
  runId: z.string(),
  experiment: z.string(),
  name: z.string(),
  status: z.enum(['running', 'finished', 'failed', 'killed']),
  startedAtMs: z.number(),
  endedAtMs: z.number().exactOptional(),
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  tags: z.record(z.string(), z.string()),
});
const metricSchema = z.object({ metric: z.string(), step: z.number(), value: z.number() });

/**
 * Opens the embedded tracker: a folder a run, `run.json` and an append-only `metrics.jsonl`.
 *
 * @remarks A process that is killed leaves a run with status `running` and all metrics it had logged; a last line
 *   that was cut off is left out.
 */
export function openFileTracker(options: FileTrackerOptions = {}): ExperimentTracker {
  const home = options.home ?? DEFAULT_RUNS_HOME;
  const clock = options.clock ?? systemClock;
  return {
    startRun: (run) => startRun(home, clock, run),
    getRun: (runId) => getRun(home, runId),
    async listRuns(experiment) {
      const runs: RunRecord[] = [];
      for (const runId of await readRunIds(home)) runs.push(await getRun(home, runId));
      return runs
        .filter((run) => run.experiment === experiment)
        .sort((a, b) => a.startedAtMs - b.startedAtMs || (a.runId < b.runId ? -1 : 1));
    },
  };
}

async function startRun(home: string, clock: Clock, options: RunOptions): Promise<ActiveRun> {
  const runId = randomUUID().replaceAll('-', '');
  const folder = join(home, runId);
  await mkdir(folder, { recursive: true });
  let facts: RunFacts = {
    runId,
    experiment: options.experiment,
    name: options.name,
    status: 'running',
    startedAtMs: clock.nowMs(),
    parameters: { ...options.parameters },
    tags: { ...options.tags },
  };
  const change = async (next: Partial<RunFacts>): Promise<void> => {
    checkOpen(facts);
    facts = { ...facts, ...next };
    await writeJson(join(folder, RUN_FILE), facts);
  };
  await change({});
  return {
    runId,
    async logParameters(parameters) {
      for (const [name, value] of Object.entries(parameters))
        if (facts.parameters[name] !== undefined && facts.parameters[name] !== value)
          throw runConflict(runId, `parameter ${name} is ${facts.parameters[name]} already`);
      await change({ parameters: { ...facts.parameters, ...parameters } });
    },
    async logMetrics(metrics, step = 0) {
      checkOpen(facts);
      await appendFile(join(folder, METRICS_FILE), formatMetrics(metrics, step));
    },
    setTags: (tags) => change({ tags: { ...facts.tags, ...tags } }),
    end: (status) => change({ status, endedAtMs: clock.nowMs() }),
  };
}

function checkOpen(facts: RunFacts): void {
  if (facts.status !== 'running') throw runConflict(facts.runId, `it ended as ${facts.status}`);
}

function formatMetrics(metrics: Readonly<Record<string, number>>, step: number): string {
  return Object.entries(metrics)
    .map(([metric, value]) => {
      if (!Number.isFinite(value)) throw metricInvalid(metric, value);
      return `${JSON.stringify({ metric, step, value })}\n`;
    })
    .join('');
}

async function getRun(home: string, runId: string): Promise<RunRecord> {
  // The id becomes a path: nothing but what `startRun` makes may pass.
  if (!/^[0-9a-f]{32}$/.test(runId)) throw runNotFound(runId);
  const folder = join(home, runId);
  const facts = await readJson(join(folder, RUN_FILE), runSchema).catch((error: unknown) => {
    throw isMlschedError(error) && error.code === 'MLS_FILES_MISSING' ? runNotFound(runId) : error;
  });
  return { ...facts, endedAtMs: facts.endedAtMs, metrics: await readMetrics(join(folder, METRICS_FILE)) };
}

async function readMetrics(path: string): Promise<Record<string, MetricPoint[]>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const metrics: Record<string, MetricPoint[]> = {};
  // What follows the last newline was cut off in the middle of a write.
  for (const line of text.split('\n').slice(0, -1)) {
    const { metric, step, value } = metricSchema.parse(JSON.parse(line));
    (metrics[metric] ??= []).push({ step, value });
  }
  return metrics;
}

/** Ids of runs that have their first record; a folder without one was cut off at the start. */
async function readRunIds(home: string): Promise<string[]> {
  const ids: string[] = [];
  for (const name of await readNames(home))
    if ((await readNames(join(home, name))).includes(RUN_FILE)) ids.push(name);
  return ids;
}

async function readNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
