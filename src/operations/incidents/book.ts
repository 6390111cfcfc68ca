import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Incident } from '#models/anomaly';
import { bookUnusable, incidentUnknown } from './errors.ts';

/** What an operator says of an incident. */
export interface Verdict {
  readonly incidentId: string;
  /** True: the node really was in trouble. */
  readonly isTrue: boolean;
  readonly atMs: number;
  /** Who says so, as they want to be named. */
  readonly by?: string | undefined;
  readonly note?: string | undefined;
}

/** A change of the alert threshold. */
export interface Tuning {
  /** In multiples of the model's own threshold. */
  readonly thresholdMultiple: number;
  readonly reason: string;
  readonly atMs: number;
}

/** Everything that is written in a book, the newest word on each thing. */
export interface BookContent {
  /** Oldest first. */
  readonly incidents: readonly Incident[];
  /** By incident; the last verdict counts, the earlier ones stay in the file. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  readonly tunings: readonly Tuning[];
  /** Lines that could not be read: the writer was killed, or the disk is damaged. */
  readonly damagedLines: number;
}

/** Incidents, verdicts and tunings of one installation, in one file that only grows. */
export interface IncidentBook {
  readonly path: string;
  read(): Promise<BookContent>;
  recordIncident(incident: Incident): Promise<void>;
  /** @throws MlschedError `MLS_OPERATIONS_INCIDENT_UNKNOWN`. */
  recordVerdict(verdict: Verdict): Promise<void>;
  recordTuning(tuning: Tuning): Promise<void>;
}

const incidentSchema = z.object({
  id: z.string(),
  node: z.string(),
  openedMs: z.number(),
  lastMs: z.number(),
  closedMs: z.number().optional(),
  worstHealthRatio: z.number(),
  peakStrength: z.number(),
  contributions: z.array(z.object({ metric: z.string(), sigma: z.number() })),
  suppressedBy: z.enum(['cordon', 'drain', 'deploy', 'maintenance', 'shared-shift']).optional(),
});
const lineSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('incident'), incident: incidentSchema }),
  z.object({
    kind: z.literal('verdict'),
    incidentId: z.string(),
    isTrue: z.boolean(),
    atMs: z.number(),
    by: z.string().optional(),
    note: z.string().optional(),
  }),
  z.object({
    kind: z.literal('tuning'),
    thresholdMultiple: z.number(),
    reason: z.string(),
    atMs: z.number(),
  }),
]);
type Line = z.infer<typeof lineSchema>;

/**
 * Opens the book at `path`; the file is made by the first entry.
 *
 * One line an entry, synced before the call returns. Several processes may write: each line is one append. A line that a
 * killed writer left half-written is skipped, counted, and does not touch its neighbours.
 */
export function openIncidentBook(path: string): IncidentBook {
  const append = (line: Line): Promise<void> => appendLine(path, JSON.stringify(line));
  const read = (): Promise<BookContent> => readBook(path);
  return {
    path,
    read,
    recordIncident: (incident) =>
      append({ kind: 'incident', incident: { ...incident, contributions: [...incident.contributions] } }),
    async recordVerdict(verdict) {
      const { incidents } = await read();
      const known = incidents.map(({ id }) => id);
      if (!known.includes(verdict.incidentId)) throw incidentUnknown(verdict.incidentId, known);
      await append({ kind: 'verdict', ...verdict });
    },
    recordTuning: (tuning) => append({ kind: 'tuning', ...tuning }),
  };
}

async function appendLine(path: string, line: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a+');
    try {
      // The end of a line that was cut off must not swallow this one.
      const start = (await endsMidLine(file)) ? '\n' : '';
      await file.appendFile(`${start}${line}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw bookUnusable(path, error);
  }
}

async function endsMidLine(file: Awaited<ReturnType<typeof open>>): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}

async function readBook(path: string): Promise<BookContent> {
  const lines = (await readText(path)).split('\n').filter((line) => line !== '');
  const incidents = new Map<string, Incident>();
  const verdicts = new Map<string, Verdict>();
  const tunings: Tuning[] = [];
  let damagedLines = 0;
  for (const text of lines) {
    const line = parseLine(text);
    if (line === undefined) damagedLines++;
    else if (line.kind === 'incident') incidents.set(line.incident.id, toIncident(line.incident));
    else if (line.kind === 'verdict') verdicts.set(line.incidentId, line);
    else tunings.push(line);
  }
  const sorted = [...incidents.values()].sort((a, b) => a.openedMs - b.openedMs);
  return { incidents: sorted, verdicts, tunings, damagedLines };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw bookUnusable(path, error);
  }
}

function parseLine(text: string): Line | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** JSON knows no undefined: what is absent was that. */
function toIncident({ closedMs, suppressedBy, ...rest }: z.infer<typeof incidentSchema>): Incident {
  return { ...rest, closedMs, suppressedBy };
}
