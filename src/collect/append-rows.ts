import type { ColumnData, TextColumn, WriteColumn } from '#platform/files';

/**
 * Joins the rows of a file with newer ones.
 *
 * @param held - Columns of the file, by the names of `added`.
 * @param added - Newer rows; one column is of type `time`.
 * @param limits - Rows of the file at or after `beforeMs` are left out: `added` brings them again.
 */
export function appendRows(
  held: ColumnData,
  added: readonly WriteColumn[],
  limits: { readonly beforeMs: number },
): WriteColumn[] {
  const timeName = added.find(({ type }) => type === 'time')?.name ?? 'time';
  const times = held.numbers.get(timeName) ?? new Float64Array();
  const kept = Int32Array.from({ length: times.length }, (_, row) => row).filter(
    (row) => (times[row] as number) < limits.beforeMs,
  );
  return added.map((column): WriteColumn => {
    if (column.type === 'text') {
      return { ...column, values: joinTexts(held.texts.get(column.name), kept, column.values) };
    }
    const before = held.numbers.get(column.name) ?? new Float64Array(times.length).fill(NaN);
    const values = new Float64Array(kept.length + column.values.length);
    for (let i = 0; i < kept.length; i++) values[i] = before[kept[i] as number] as number;
    values.set(column.values, kept.length);
    return { ...column, values };
  });
}

function joinTexts(held: TextColumn | undefined, kept: Int32Array, added: TextColumn): TextColumn {
  const dictionary = [...new Set([...(held?.dictionary ?? []), ...added.dictionary])].sort();
  const codeOf = new Map(dictionary.map((text, code) => [text, code]));
  const recode = (texts: readonly string[]): Int32Array =>
    Int32Array.from(texts, (text) => codeOf.get(text) ?? -1);
  const heldCodes = recode(held?.dictionary ?? []);
  const addedCodes = recode(added.dictionary);
  const codes = new Int32Array(kept.length + added.codes.length);
  for (let i = 0; i < kept.length; i++) codes[i] = heldCodes[held?.codes[kept[i] as number] ?? -1] ?? -1;
  for (let i = 0; i < added.codes.length; i++)
    codes[kept.length + i] = addedCodes[added.codes[i] as number] ?? -1;
  return { dictionary, codes };
}
