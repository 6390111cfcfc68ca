import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DAY_MS } from '#kernel/units';
import { describeParquet, listFiles, readParquetColumns, readRecordLog, writeParquet } from '#platform/files';
import type { ColumnData, TextColumn, WriteColumn } from '#platform/files';
import { badJournal } from '../errors.ts';
import { JournalLine, factKey } from './workload-fact.ts';
import type { FactEnd, WorkloadFact } from './workload-fact.ts';

/** Facts as a journal tells them: those that ended and those that are open, by `factKey`. */
export interface ReplayedJournal {
  readonly facts: Map<string, WorkloadFact>;
  /** Last moment of which it speaks; undefined when it is empty. */
  readonly lastMs: number | undefined;
}

export function journalPath(directory: string): string {
  return join(directory, 'workloads', 'journal.log');
}

function dayPath(directory: string, day: string): string {
  return join(directory, 'workloads', `${day}.parquet`);
}

const EMPTY = { records: [], state: 'whole' } as const;

/**
 * Reads the journal of a store.
 *
 * @throws MlschedError `MLS_COLLECT_BAD_JOURNAL` naming the record.
 */
export async function replayJournal(directory: string): Promise<ReplayedJournal> {
  const facts = new Map<string, WorkloadFact>();
  const path = journalPath(directory);
  let lastMs: number | undefined;
  const { records, state } = existsSync(path) ? await readRecordLog(path) : EMPTY;
  if (state === 'damaged') throw badJournal(path, records.length, new Error('its checksum is wrong'));
  for (const [row, record] of records.entries()) {
    const line = parseLine(record.toString('utf8'), path, row);
    lastMs = Math.max(lastMs ?? 0, applyLine(line, facts));
  }
  return { facts, lastMs };
}

function parseLine(text: string, path: string, row: number): JournalLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badJournal(path, row, error);
  }
  const checked = JournalLine.safeParse(value);
  if (!checked.success) throw badJournal(path, row, checked.error);
  return checked.data;
}

/** Returns the moment of which the line speaks. */
function applyLine(line: JournalLine, facts: Map<string, WorkloadFact>): number {
  if (line.t === 'seen') return line.atMs;
  const key = factKey(line.t === 'fact' ? line.fact : line);
  if (line.t === 'fact') {
    facts.set(key, line.fact);
    return line.fact.validToMs ?? line.fact.validFromMs;
  }
  const fact = facts.get(key);
  if (fact !== undefined) facts.set(key, { ...fact, validToMs: line.atMs, end: line.end });
  return line.atMs;
}

/** Facts that held at some moment of a day. */
export function factsOfDay(facts: Iterable<WorkloadFact>, dayStartMs: number): WorkloadFact[] {
  return [...facts].filter(
    ({ validFromMs, validToMs = Infinity }) => validFromMs < dayStartMs + DAY_MS && validToMs >= dayStartMs,
  );
}

const TEXTS = ['podUid', 'namespace', 'pod', 'node', 'ownerKind', 'owner', 'qos'] as const;
const NUMBERS = [
  'priority',
  'cpuRequestMillicores',
  'cpuLimitMillicores',
  'memoryRequestBytes',
  'memoryLimitBytes',
] as const;
const TIMES = ['createdAtMs', 'startedAtMs', 'validFromMs', 'validToMs'] as const;

/** `cpuRequestMillicores` -> `cpu_request_millicores`; times lose their unit, since they are timestamps. */
function columnName(field: string): string {
  return field.replace(/Ms$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Writes the facts of one day: each whole, with its true beginning and, if it has one, its end. */
export async function writeFactDay(
  directory: string,
  day: string,
  facts: readonly WorkloadFact[],
): Promise<void> {
  const text = (name: string, read: (fact: WorkloadFact) => string | undefined): WriteColumn => ({
    name,
    type: 'text',
    values: encodeTexts(facts.map(read)),
  });
  const number = (
    name: string,
    type: 'double' | 'time',
    read: (fact: WorkloadFact) => number | undefined,
  ): WriteColumn => ({ name, type, values: Float64Array.from(facts, (fact) => read(fact) ?? Number.NaN) });
  await writeParquet(dayPath(directory, day), [
    ...TEXTS.map((field) => text(columnName(field), (fact) => fact[field])),
    text('priority_class', (fact) => fact.priorityClass),
    text('labels', (fact) => JSON.stringify(fact.labels)),
    text('end', (fact) => fact.end),
    ...NUMBERS.map((field) => number(columnName(field), 'double', (fact) => fact[field])),
    ...TIMES.map((field) => number(columnName(field), 'time', (fact) => fact[field])),
  ]);
}

function encodeTexts(values: readonly (string | undefined)[]): TextColumn {
  const dictionary = [...new Set(values.filter((value) => value !== undefined))].sort();
  const codeOf = new Map(dictionary.map((value, code) => [value, code]));
  return {
    dictionary,
    codes: Int32Array.from(values, (value) => (value === undefined ? -1 : (codeOf.get(value) ?? -1))),
  };
}

async function readFactDay(path: string): Promise<WorkloadFact[]> {
  const table = await describeParquet(path);
  const data = await readParquetColumns(table, [...table.columns.keys()]);
  return Array.from({ length: table.rows }, (_, row) => decodeFact(data, row));
}

function decodeFact(data: ColumnData, row: number): WorkloadFact {
  const text = (name: string): string | undefined => {
    const column = data.texts.get(name);
    return column?.dictionary[column.codes[row] ?? -1];
  };
  const number = (name: string): number | undefined => {
    const value = data.numbers.get(name)?.[row];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  };
  const texts = Object.fromEntries(TEXTS.map((field) => [field, text(columnName(field)) ?? '']));
  const numbers = Object.fromEntries(NUMBERS.map((field) => [field, number(columnName(field)) ?? 0]));
  const times = Object.fromEntries(TIMES.map((field) => [field, number(columnName(field))]));
  return {
    ...texts,
    ...numbers,
    ...times,
    priorityClass: text('priority_class'),
    labels: JSON.parse(text('labels') ?? '{}') as Record<string, string>,
    end: text('end') as FactEnd | undefined,
  } as WorkloadFact;
}

/**
 * Reads the facts that held at some moment of a span, from the days and the journal of a store.
 *
 * @returns Each fact once, in its newest form, sorted by namespace, pod and beginning.
 * @throws MlschedError `MLS_FILES_*`, `MLS_COLLECT_BAD_JOURNAL`.
 */
export async function readWorkloadFacts(
  directory: string,
  span: { readonly startMs: number; readonly endMs: number },
): Promise<WorkloadFact[]> {
  const facts = new Map<string, WorkloadFact>();
  const files = await listFiles(join(directory, 'workloads'), '.parquet').catch(() => []);
  for (const path of files) {
    const dayMs = Date.parse(path.slice(-'2026-01-01.parquet'.length, -'.parquet'.length));
    if (dayMs >= span.endMs || dayMs + DAY_MS <= span.startMs) continue;
    for (const fact of await readFactDay(path)) keepNewest(facts, fact);
  }
  for (const fact of (await replayJournal(directory)).facts.values()) keepNewest(facts, fact);
  return [...facts.values()]
    .filter(({ validFromMs, validToMs = Infinity }) => validFromMs < span.endMs && validToMs >= span.startMs)
    .sort((a, b) => compareTexts(sortKey(a), sortKey(b)) || a.validFromMs - b.validFromMs);
}

/** A day that ended while a fact was open holds it without its end. */
function keepNewest(facts: Map<string, WorkloadFact>, fact: WorkloadFact): void {
  const held = facts.get(factKey(fact));
  if (held?.validToMs === undefined) facts.set(factKey(fact), fact);
}

function sortKey({ namespace, pod }: WorkloadFact): string {
  return `${namespace}/${pod}`;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
