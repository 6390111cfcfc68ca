import { queryStore } from '#collect';
import { SECOND_MS } from '#kernel/units';

/** Metrics that the feed gives, in the order of its columns. */
export const FEED_METRICS = ['cpu', 'memory'] as const;

/** Rows of one span of the store, put on the grid of the health model. */
interface FeedSpan {
  /** Ends of the windows, epoch milliseconds, ascending. */
  readonly timesMs: readonly number[];
  /** Shape `[nodes, metrics]` for each window; NaN = unknown. */
  readonly scrapes: readonly Float32Array[];
}

/** A history store as the health model sees it: means of windows that are over, node by node. */
export interface HealthFeed {
  /** End of the newest window that is complete, epoch milliseconds; undefined for an empty store. */
  newestMs(): Promise<number | undefined>;
  /** Nodes with a sample in the span, sorted. */
  nodesBetween(fromMs: number, toMs: number): Promise<string[]>;
  /** Windows that end after `fromMs`, up to `toMs`. */
  read(nodes: readonly string[], fromMs: number, toMs: number): Promise<FeedSpan>;
}

const MOST_NODES = 100_000;
const MOST_ROWS = 5_000_000;

/** Reads a store that another process may be writing. Errors are those of `queryStore`. */
export function openHealthFeed(storeDirectory: string, stepSeconds: number): HealthFeed {
  const stepMs = stepSeconds * SECOND_MS;
  const query = async (sql: string, maxRows: number) => (await queryStore(storeDirectory, sql, maxRows)).rows;
  return {
    async newestMs() {
      const [row] = await query('SELECT epoch_ms(max(time)) FROM nodes', 1);
      const newest = row?.[0];
      return typeof newest === 'number' ? Math.floor(newest / stepMs) * stepMs : undefined;
    },
    async nodesBetween(fromMs, toMs) {
      const rows = await query(
        `SELECT DISTINCT machine FROM nodes WHERE ${within(fromMs, toMs)} ORDER BY 1`,
        MOST_NODES,
      );
      return rows.map(([machine]) => String(machine));
    },
    async read(nodes, fromMs, toMs) {
      const rows = await query(
        `SELECT machine, CAST(ceil(epoch_ms(time) / ${stepMs}) AS BIGINT), avg(cpu_usage_ratio), avg(memory_usage_ratio) FROM nodes WHERE ${within(fromMs, toMs)} GROUP BY 1, 2`,
        MOST_ROWS,
      );
      return onGrid(nodes, rows, { fromMs, toMs, stepMs });
    },
  };
}

/** Times in the store are in UTC without a zone. */
function within(fromMs: number, toMs: number): string {
  return `epoch_ms(time) > ${Math.round(fromMs)} AND epoch_ms(time) <= ${Math.round(toMs)}`;
}

function onGrid(
  nodes: readonly string[],
  rows: readonly (readonly unknown[])[],
  { fromMs, toMs, stepMs }: { readonly fromMs: number; readonly toMs: number; readonly stepMs: number },
): FeedSpan {
  const first = Math.floor(fromMs / stepMs) + 1;
  const length = Math.max(0, Math.floor(toMs / stepMs) - first + 1);
  const width = FEED_METRICS.length;
  const scrapes = Array.from({ length }, () => new Float32Array(nodes.length * width).fill(Number.NaN));
  const indexOf = new Map(nodes.map((name, i) => [name, i]));
  for (const [machine, window, ...values] of rows) {
    const node = indexOf.get(String(machine));
    const scrape = scrapes[Number(window) - first];
    if (node === undefined || scrape === undefined) continue;
    for (const [i, value] of values.entries())
      scrape[node * width + i] = typeof value === 'number' ? value : Number.NaN;
  }
  return { timesMs: scrapes.map((_, i) => (first + i) * stepMs), scrapes };
}
