import { join } from 'node:path';
import { readLoadSeries } from '#collect';
import type { RawLoadSeries } from '#domain';
import { resampleLoad } from '#features';
import type { Progress } from '#kernel/progress';
import { DAY_SECONDS, SECOND_MS } from '#kernel/units';
import { createHealthMonitor, createIncidentLog, loadAnomalyModel } from '#models/anomaly';
import type { Incident } from '#models/anomaly';
import { listIncidents, openIncidentBook } from '#operations';
import type { IncidentBook, ListedIncident } from '#operations';
import { loadModel } from './models.ts';

/** The incidents of this installation. */
export function incidentBookIn(stateDirectory: string): IncidentBook {
  return openIncidentBook(join(stateDirectory, 'incidents', 'book.jsonl'));
}

export interface ReplayOptions {
  readonly dataDirectory: string;
  readonly stateDirectory: string;
  /** Alias, version or folder of the health model. */
  readonly model: string;
  /** All machines do the same work on the same hardware: what most of them show is nobody's fault. */
  readonly areAlike: boolean;
  /** Write the incidents down, so that they can be judged. */
  readonly isRecorded: boolean;
  readonly progress: Progress;
  readonly reporter: { note(line: string): void };
}

export interface ReplayReport {
  readonly machines: number;
  readonly days: number;
  readonly incidents: readonly ListedIncident[];
  readonly suppressedIncidents: number;
  /** Of those that would have called somebody. */
  readonly incidentsPerNodeMonth: number;
  readonly isRecorded: boolean;
}

const MONTH_DAYS = 30;
const METRICS = ['cpu', 'memory'] as const;

/** Shows what the health model would have raised on a load history, all machines side by side in time. */
export async function replayHistory(options: ReplayOptions): Promise<ReplayReport> {
  const series = await readLoadSeries(options.dataDirectory);
  const artefact = await loadModel(options.stateDirectory, 'node-anomaly', options.model, options.reporter);
  const model = loadAnomalyModel(artefact);
  const clock = openReel(series, model.stepSeconds);
  const monitor = createHealthMonitor(model, {
    nodeCount: series.length,
    metricNames: METRICS,
    ...(options.areAlike && { peerGroups: series.map(() => 'alike') }),
  });
  const log = createIncidentLog();
  const seen = new Map<string, Incident>();
  for (let step = 0; step < clock.length; step++) {
    if (step % 1000 === 0) options.progress.report(step, clock.length, 'replaying');
    monitor.update(clock.scrape(step));
    const timeMs = clock.startMs + step * model.stepSeconds * SECOND_MS;
    for (const [node, { machine }] of series.entries()) {
      const event = log.observe({ node: machine, timeMs, health: monitor.health(node) });
      if (event !== undefined) seen.set(event.incident.id, event.incident);
    }
  }
  options.progress.report(clock.length, clock.length, 'replayed');
  const incidents = [...seen.values()].sort((a, b) => a.openedMs - b.openedMs);
  if (options.isRecorded) await record(incidents, options.stateDirectory);
  const suppressed = incidents.filter(({ suppressedBy }) => suppressedBy !== undefined).length;
  const nodeDays = clock.knownRows * (model.stepSeconds / DAY_SECONDS);
  return {
    machines: series.length,
    days: (clock.length * model.stepSeconds) / DAY_SECONDS,
    incidents: listIncidents({ incidents, verdicts: new Map(), tunings: [], damagedLines: 0 }),
    suppressedIncidents: suppressed,
    incidentsPerNodeMonth: ((incidents.length - suppressed) * MONTH_DAYS) / nodeDays,
    isRecorded: options.isRecorded,
  };
}

/** Replaying the same history twice writes nothing new. */
async function record(incidents: readonly Incident[], stateDirectory: string): Promise<void> {
  const book = incidentBookIn(stateDirectory);
  const known = new Set((await book.read()).incidents.map(({ id }) => id));
  for (const incident of incidents) if (!known.has(incident.id)) await book.recordIncident(incident);
}

interface Reel {
  readonly startMs: number;
  readonly length: number;
  /** Node rows with a known CPU. */
  readonly knownRows: number;
  /** Shape `[machines, metrics]`; NaN where a machine has no sample. Valid until the next call. */
  scrape(step: number): Float32Array;
}

function openReel(series: readonly RawLoadSeries[], stepSeconds: number): Reel {
  const grids = series.map((raw) => resampleLoad(raw, stepSeconds));
  const stepMs = stepSeconds * SECOND_MS;
  const startMs = grids.reduce((least, grid) => Math.min(least, grid.startMs), Infinity);
  const endMs = grids.reduce((most, grid) => Math.max(most, grid.startMs + grid.length * stepMs), -Infinity);
  const offsets = grids.map((grid) => Math.round((grid.startMs - startMs) / stepMs));
  const row = new Float32Array(series.length * METRICS.length);
  return {
    startMs,
    length: grids.length === 0 ? 0 : Math.round((endMs - startMs) / stepMs),
    knownRows: grids.reduce(
      (sum, { values }) => sum + (values.cpu?.filter((v) => !Number.isNaN(v)).length ?? 0),
      0,
    ),
    scrape(step) {
      for (const [machine, { values }] of grids.entries()) {
        for (const [column, metric] of METRICS.entries())
          row[machine * METRICS.length + column] =
            values[metric]?.[step - (offsets[machine] ?? 0)] ?? Number.NaN;
      }
      return row;
    },
  };
}
