import { MlschedError } from '#kernel/errors';
import { formatPercent } from '#kernel/units';

/** Where a bad value stands. Rows count from 0 in file order. */
export interface BadValue {
  readonly file: string;
  readonly column: string;
  readonly row: number;
  readonly value: number | string;
}

export function noParquet(directory: string): MlschedError {
  return new MlschedError('MLS_COLLECT_NO_PARQUET', `no .parquet file in ${directory}`, {
    kind: 'not-found',
    hint: 'Point --data at the folder that holds the Parquet files themselves, not at its parent.',
    details: { directory },
  });
}

export function noRows(file: string): MlschedError {
  return new MlschedError('MLS_COLLECT_NO_ROWS', `${file} has columns but no row`, {
    kind: 'invalid-input',
    hint: 'Remove the file or export it again.',
    details: { file },
  });
}

export function columnMissing(file: string, column: string, present: readonly string[]): MlschedError {
  return new MlschedError('MLS_COLLECT_COLUMN_MISSING', `${file} has no column ${column}`, {
    kind: 'invalid-input',
    hint: `It has: ${present.slice(0, 12).join(', ')}${present.length > 12 ? ', ...' : ''}. Rename or add the column; docs/reference/data-formats.md lists what is expected.`,
    details: { file, column },
  });
}

export function columnType(file: string, column: string, found: string, expected: string): MlschedError {
  return new MlschedError(
    'MLS_COLLECT_COLUMN_TYPE',
    `column ${column} of ${file} is ${found}, expected ${expected}`,
    {
      kind: 'invalid-input',
      hint: `Write the column as ${expected} when exporting.`,
      details: { file, column, found },
    },
  );
}

export function valueMissing(at: Omit<BadValue, 'value'>): MlschedError {
  return new MlschedError(
    'MLS_COLLECT_VALUE_MISSING',
    `column ${at.column} of ${at.file} has no value in row ${at.row}`,
    { kind: 'invalid-input', hint: 'Drop or repair such rows when exporting.', details: { ...at } },
  );
}

export function outOfRange(at: BadValue, expected: string): MlschedError {
  return new MlschedError(
    'MLS_COLLECT_OUT_OF_RANGE',
    `column ${at.column} of ${at.file} has ${at.value} in row ${at.row}, expected ${expected}`,
    {
      kind: 'invalid-input',
      hint: 'Repair the source, or write null where the value is not known.',
      details: { ...at },
    },
  );
}

/** Enough values lie above 1 that the column is not a ratio at all. */
export function wrongUnits(at: BadValue, maximum: number): MlschedError {
  const isPercent = maximum <= 100.5;
  return new MlschedError(
    'MLS_COLLECT_WRONG_UNITS',
    `column ${at.column} of ${at.file} holds no ratio in 0..1: first ${at.value} in row ${at.row}, largest ${maximum}`,
    {
      kind: 'invalid-input',
      hint: isPercent
        ? 'The values look like percent: divide them by 100.'
        : 'Divide the usage by the capacity of the machine.',
      details: { ...at, maximum },
    },
  );
}

export function conflictingDuplicate(at: BadValue, machine: string, other: number): MlschedError {
  return new MlschedError(
    'MLS_COLLECT_CONFLICTING_DUPLICATE',
    `machine ${machine} has two values of ${at.column} for one time: ${other} and, in row ${at.row} of ${at.file}, ${at.value}`,
    {
      kind: 'invalid-input',
      hint: 'Two sources were probably merged under one machine name: give each its own name or drop one.',
      details: { ...at, machine },
    },
  );
}

export function tooManyUnknown(machine: string, at: Omit<BadValue, 'value'>, ratio: number): MlschedError {
  return new MlschedError(
    'MLS_COLLECT_TOO_MANY_UNKNOWN',
    `machine ${machine}: ${formatPercent(ratio)} of ${at.column} is null or NaN, first in row ${at.row} of ${at.file}`,
    {
      kind: 'invalid-input',
      hint: 'Leave the machine out, or repair the export; a model learns nothing from holes.',
      details: { ...at, machine, unknownRatio: ratio },
    },
  );
}

export function noPodFile(directory: string): MlschedError {
  return new MlschedError('MLS_COLLECT_NO_POD_FILE', `no pods-*.parquet in ${directory}`, {
    kind: 'not-found',
    hint: 'Put at least one published pod mix beside nodes.parquet.',
    details: { directory },
  });
}

export function noHistory(startMs: number, endMs: number): MlschedError {
  const span = `${new Date(startMs).toISOString()} to ${new Date(endMs).toISOString()}`;
  return new MlschedError('MLS_COLLECT_NO_HISTORY', `the source has no CPU sample of any node from ${span}`, {
    kind: 'not-found',
    hint: 'Check that node_exporter is scraped, and how long this Prometheus keeps its data (--storage.tsdb.retention.time).',
    details: { span },
  });
}

export function storeTaken(directory: string, held: string, wanted: string): MlschedError {
  return new MlschedError('MLS_COLLECT_STORE_TAKEN', `store ${directory} holds ${held}, not ${wanted}`, {
    kind: 'conflict',
    hint: 'Give each source a store of its own, or remove this one.',
    details: { directory, held, wanted },
  });
}

export function storeDamaged(directory: string, problem: string): MlschedError {
  return new MlschedError('MLS_COLLECT_STORE_DAMAGED', `store ${directory} is damaged: ${problem}`, {
    kind: 'invalid-input',
    hint: 'Restore it from a backup, or move it away and collect again into an empty folder.',
    details: { directory },
  });
}

export function noStore(directory: string): MlschedError {
  return new MlschedError('MLS_COLLECT_NO_STORE', `${directory} is no store: it has no history.json`, {
    kind: 'not-found',
    hint: "Fill one with 'mlsched collect history --prometheus URL --store DIR', or check --store.",
    details: { directory },
  });
}

/** A record of a journal is not ours. */
export function badJournal(path: string, row: number, cause: unknown): MlschedError {
  return new MlschedError('MLS_COLLECT_BAD_JOURNAL', `${path}: record ${row + 1} cannot be read`, {
    kind: 'invalid-input',
    hint: 'Move the file away: facts of the present day are lost, those of earlier days stand in the Parquet files.',
    details: { file: path, row },
    cause,
  });
}

/** No pod of the span is known. */
export function noFacts(directory: string): MlschedError {
  return new MlschedError('MLS_COLLECT_NO_FACTS', `${directory} knows no pod in that span`, {
    kind: 'not-found',
    hint: 'Let `mlsched workloads follow` watch the API server for a while first; it writes what each pod is.',
    details: { directory },
  });
}
