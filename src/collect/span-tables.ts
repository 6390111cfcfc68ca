import type { WriteColumn } from '#platform/files';
import type { Grid } from './align.ts';
import type { RowFilter } from './fetch-span.ts';
import type { MetricDefinition } from './metric-catalogue.ts';
import type { NodeValues } from './metric-fold.ts';
import type { DayTables } from './store/day-batch.ts';

/** Derived: 1 - available / capacity. */
export const MEMORY_USAGE = 'memory_usage_ratio';
const CPU_USAGE = 'cpu_usage_ratio';

/** Column -> node (or '' for the cluster) -> values on the grid. */
export type SpanValues = Map<string, NodeValues>;

export interface SpanContent {
  readonly metrics: readonly MetricDefinition[];
  readonly values: SpanValues;
}

/**
 * Rows of a span: of nodes those in which CPU or memory use is known, of the cluster those in which anything is. A step
 * without any is a gap, and gaps are absent rows.
 */
export function buildTables(
  grid: Grid,
  { metrics, values }: SpanContent,
  filter: RowFilter,
): { tables: DayTables; nodes: number; rows: number } {
  const columnsOf = (scope: MetricDefinition['scope']): string[] =>
    metrics.filter((metric) => metric.scope === scope).map(({ column }) => column);
  const nodes = [...(values.get(CPU_USAGE)?.keys() ?? [])].sort();
  const vital = [CPU_USAGE, MEMORY_USAGE];
  const nodeRows = findRows(grid, { groups: nodes, columns: vital, values }, filter);
  const clusterRows = findRows(
    grid,
    { groups: [''], columns: columnsOf('cluster'), values },
    everyFinal(filter),
  );
  const cluster = buildTable(grid, clusterRows, { groups: [''], columns: columnsOf('cluster'), values });
  return {
    tables: {
      nodes: buildTable(grid, nodeRows, {
        groups: nodes,
        columns: [...columnsOf('node'), MEMORY_USAGE],
        values,
      }),
      cluster: clusterRows.length === 0 ? undefined : cluster,
    },
    nodes: nodes.length,
    rows: nodeRows.length,
  };
}

/** The parts of a cluster row come from different sources, one of which may be absent for good. */
function everyFinal(filter: RowFilter): RowFilter {
  return { isWanted: (node, timeMs) => filter.isWanted(node, timeMs) };
}

interface TableContent {
  /** Nodes, or one empty name for the cluster. */
  readonly groups: readonly string[];
  readonly columns: readonly string[];
  readonly values: SpanValues;
}

/** Rows worth keeping, as numbers: group * steps + step. */
function findRows(grid: Grid, { groups, columns, values }: TableContent, filter: RowFilter): Int32Array {
  const present = columns.filter((column) => (values.get(column)?.size ?? 0) > 0);
  const rows = new Int32Array(groups.length * grid.length);
  let count = 0;
  for (const [code, group] of groups.entries()) {
    const series = present.map((column) => values.get(column)?.get(group));
    // A node that never has memory is not waited for.
    const expected = series.filter((numbers) => numbers !== undefined).length;
    for (let step = 0; step < grid.length; step++) {
      const known = countKnown(series, step);
      if (known === 0) continue;
      const timeMs = grid.startMs + (step + 1) * grid.stepMs;
      if (known < expected && timeMs > (filter.finalBeforeMs ?? Infinity)) continue;
      if (filter.isWanted(group, timeMs)) rows[count++] = code * grid.length + step;
    }
  }
  return rows.subarray(0, count);
}

function countKnown(series: readonly (Float64Array | undefined)[], step: number): number {
  let known = 0;
  for (const numbers of series) if (!Number.isNaN(numbers?.[step] ?? NaN)) known++;
  return known;
}

/** Columns of a table, by group, then by time; groups without a name have no machine column. */
function buildTable(grid: Grid, rows: Int32Array, content: TableContent): WriteColumn[] {
  const codes = rows.map((row) => Math.floor(row / grid.length));
  const times = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    times[i] = grid.startMs + (((rows[i] as number) % grid.length) + 1) * grid.stepMs;
  }
  const machine: WriteColumn = {
    name: 'machine',
    type: 'text',
    values: { dictionary: content.groups, codes },
  };
  return [
    ...(content.groups[0] === '' ? [] : [machine]),
    { name: 'time', type: 'time', values: times },
    ...content.columns.map((column): WriteColumn => {
      const byGroup = content.groups.map((group) => content.values.get(column)?.get(group));
      const values = new Float64Array(rows.length);
      // hot: once a value of the store
      for (let i = 0; i < rows.length; i++) {
        values[i] = byGroup[codes[i] as number]?.[(rows[i] as number) % grid.length] ?? NaN;
      }
      return { name: column, type: column.endsWith('_bytes') ? 'double' : 'float', values };
    }),
  ];
}
