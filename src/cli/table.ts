/** A cell: text stands left, numbers are formatted by the column and stand right. */
type Cell = string | number | undefined;

export interface Column<Row> {
  /** Upper case, with the unit: `P99 CPU (%)`. */
  readonly header: string;
  readonly value: (row: Row) => Cell;
  /** Digits after the point; default 0. */
  readonly digits?: number;
}

const UNKNOWN = '-';

/**
 * Renders rows as kubectl does: no borders, columns aligned, numbers to the right.
 *
 * @returns Text that ends with a newline; NaN and undefined appear as `-`.
 */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => formatCell(column.value(row), column.digits ?? 0)));
  const isNumeric = columns.map((column) => rows.some((row) => typeof column.value(row) === 'number'));
  const widths = columns.map((column, at) =>
    Math.max(column.header.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, at) =>
        isNumeric[at] === true ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return `${[line(columns.map((column) => column.header)), ...cells.map(line)].join('\n')}\n`;
}

function formatCell(cell: Cell, digits: number): string {
  if (cell === undefined) return UNKNOWN;
  if (typeof cell === 'string') return cell;
  return Number.isFinite(cell) ? cell.toFixed(digits) : UNKNOWN;
}
