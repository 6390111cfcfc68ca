import { element, text } from './markup.ts';
import type { Markup } from './markup.ts';

/** A cell's value: text, a number, or unknown. */
export type CellValue = string | number | null | undefined;

export interface ReportColumn<Row> {
  readonly header: string;
  readonly value: (row: Row) => CellValue;
  /** Decimals of a number. */
  readonly digits?: number;
  /** Smaller text below the value, such as an interval. */
  readonly detail?: (row: Row) => string | undefined;
}

export type RowKind = 'own' | 'ceiling' | undefined;

/** A table that names its rows by the first column; numbers right-aligned, unknown ones as a dash. */
export function renderTable<Row>(
  columns: readonly ReportColumn<Row>[],
  rows: readonly Row[],
  kindOf: (row: Row) => RowKind = () => undefined,
): Markup {
  const isNumeric = columns.map(({ value }) => rows.some((row) => typeof value(row) === 'number'));
  const numberClass = (at: number): string | undefined => (isNumeric[at] === true ? 'number' : undefined);
  const head = columns.map(({ header }, at) =>
    element('th', { scope: 'col', class: numberClass(at) }, [text(header)]),
  );
  const body = rows.map((row) =>
    element(
      'tr',
      { class: kindOf(row) },
      columns.map((column, at) =>
        element(
          at === 0 ? 'th' : 'td',
          { scope: at === 0 ? 'row' : undefined, class: numberClass(at) },
          cellContent(column, row),
        ),
      ),
    ),
  );
  return element('div', { class: 'scroll', tabindex: 0 }, [
    element('table', {}, [element('thead', {}, [element('tr', {}, head)]), element('tbody', {}, body)]),
  ]);
}

function cellContent<Row>({ value, digits = 0, detail }: ReportColumn<Row>, row: Row): Markup[] {
  const below = detail?.(row);
  return [
    text(formatCell(value(row), digits)),
    ...(below === undefined ? [] : [element('small', {}, [text(below)])]),
  ];
}

/** Text as it is, a number with its decimals and thousands apart, a dash for what is unknown. */
export function formatCell(value: CellValue, digits: number): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** `1.20 to 3.40`; undefined where there is no interval. */
export function formatRange([low, high]: readonly [number, number], digits: number): string | undefined {
  const isKnown = Number.isFinite(low) && Number.isFinite(high);
  return isKnown ? `${formatCell(low, digits)} to ${formatCell(high, digits)}` : undefined;
}

/** The numbers of a chart, folded away until asked for. */
export function tableView(summary: string, table: Markup): Markup {
  return element('details', {}, [element('summary', {}, [text(summary)]), table]);
}
