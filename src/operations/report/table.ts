import { element, text } from './markup.ts';
import type { Markup } from './markup.ts';

export interface ReportColumn<Row> {
  readonly header: string;
  readonly value: (row: Row) => string | number | undefined;
  readonly digits?: number;
}

/** A table; numbers right-aligned, unknown ones as a dash. */
export function renderTable<Row>(
  columns: readonly ReportColumn<Row>[],
  rows: readonly Row[],
  classOf: (row: Row) => string | undefined = () => undefined,
): Markup {
  const head = columns.map(({ header }) => element('th', { scope: 'col' }, [text(header)]));
  const body = rows.map((row) =>
    element(
      'tr',
      { class: classOf(row) },
      columns.map((column) => renderCell(column, row)),
    ),
  );
  return element('div', { class: 'scroll' }, [
    element('table', {}, [element('thead', {}, [element('tr', {}, head)]), element('tbody', {}, body)]),
  ]);
}

function renderCell<Row>({ value, digits = 0 }: ReportColumn<Row>, row: Row): Markup {
  const found = value(row);
  if (typeof found === 'string') return element('td', {}, [text(found)]);
  const isKnown = found !== undefined && Number.isFinite(found);
  return element('td', { class: 'number' }, [text(isKnown ? found.toFixed(digits) : '–')]);
}

/** The numbers of a chart, folded away until asked for. */
export function tableView(summary: string, table: Markup): Markup {
  return element('details', {}, [element('summary', {}, [text(summary)]), table]);
}
