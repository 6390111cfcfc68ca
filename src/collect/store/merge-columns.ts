import type { TextColumn, WriteColumn } from '#platform/files';
import { lengthOf } from './day-batch.ts';

/**
 * Puts tables under each other and sorts the rows by machine, where there is one, then by time.
 *
 * @param tables - Each with a column `time`; a column that only some have is unknown (NaN, no text) in the others.
 */
export function mergeTables(tables: readonly (readonly WriteColumn[])[]): WriteColumn[] {
  const filled = tables.filter((table) => lengthOf(table) > 0);
  const names = [...new Set(filled.flatMap((table) => table.map(({ name }) => name)))];
  const merged = names.map((name) => mergeColumn(filled, name));
  return sortRows(merged);
}

function mergeColumn(tables: readonly (readonly WriteColumn[])[], name: string): WriteColumn {
  const parts = tables.map((table) => table.find((column) => column.name === name));
  const lengths = tables.map(lengthOf);
  const first = parts.find((part) => part !== undefined);
  if (first === undefined) throw new TypeError(`column ${name} of no table`);
  if (first.type === 'text') return { name, type: 'text', values: mergeTexts(parts, lengths) };
  const values = new Float64Array(sum(lengths)).fill(NaN);
  let at = 0;
  for (const [index, part] of parts.entries()) {
    if (part !== undefined && part.type !== 'text') values.set(part.values, at);
    at += lengths[index] ?? 0;
  }
  return { name, type: first.type, values };
}

function mergeTexts(parts: readonly (WriteColumn | undefined)[], lengths: readonly number[]): TextColumn {
  const texts = parts.map((part) => (part?.type === 'text' ? part.values : undefined));
  const dictionary = [...new Set(texts.flatMap((text) => text?.dictionary ?? []))].sort();
  const codeOf = new Map(dictionary.map((text, code) => [text, code]));
  const codes = new Int32Array(sum(lengths)).fill(-1);
  let at = 0;
  for (const [index, text] of texts.entries()) {
    const recode = Int32Array.from(text?.dictionary ?? [], (word) => codeOf.get(word) ?? -1);
    for (let row = 0; row < (text?.codes.length ?? 0); row++) {
      codes[at + row] = recode[text?.codes[row] as number] ?? -1;
    }
    at += lengths[index] ?? 0;
  }
  return { codes, dictionary };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function sortRows(columns: readonly WriteColumn[]): WriteColumn[] {
  const machine = columns.find((column) => column.type === 'text');
  const time = columns.find((column) => column.type === 'time');
  const codes = machine?.type === 'text' ? machine.values.codes : undefined;
  const times = time?.type === 'time' ? time.values : new Float64Array();
  const order = Int32Array.from(times, (_, row) => row).sort(
    (a, b) => (codes?.[a] ?? 0) - (codes?.[b] ?? 0) || (times[a] as number) - (times[b] as number) || a - b,
  );
  return columns.map((column): WriteColumn => {
    if (column.type === 'text') {
      const { dictionary, codes } = column.values;
      return {
        ...column,
        values: { dictionary, codes: Int32Array.from(order, (row) => codes[row] as number) },
      };
    }
    const { values } = column;
    return { ...column, values: Float64Array.from(order, (row) => values[row] as number) };
  });
}
