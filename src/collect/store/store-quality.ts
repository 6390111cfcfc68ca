import { clamp, SECOND_MS } from '#kernel/units';
import { describeStore, queryStore } from './use-store.ts';

/** How far one metric of one node can be trusted. Told beside the verdict, which CPU and memory decide. */
export interface ColumnQuality {
  readonly machine: string;
  readonly column: string;
  /** Known steps / steps between the first and the last row of the node, 0..1; 0 when the metric is absent. */
  readonly completenessRatio: number;
  /** Share of the known values that can be: in 0..1 for ratios, not negative for the others. */
  readonly rangeRatio: number;
  /** One value all the time: right for a capacity, else its exporter is frozen. */
  readonly isConstant: boolean;
  /** Age of the newest known value, seconds. */
  readonly ageSeconds: number;
}

/** What a store says of its own quality. */
export interface StoreQuality {
  readonly columns: readonly ColumnQuality[];
  readonly counterResets: number;
  readonly duplicateSeries: number;
  readonly absentColumns: readonly string[];
  readonly nodesWithoutCpu: readonly string[];
  readonly missingDays: readonly string[];
}

/** One row a node and column; nulls are not known. */
const SQL = `
WITH numbers AS (
  SELECT machine, time, COLUMNS(* EXCLUDE (machine, time))::DOUBLE FROM nodes
), cells AS (
  SELECT * FROM numbers UNPIVOT INCLUDE NULLS (value FOR metric IN (COLUMNS(* EXCLUDE (machine, time))))
)
SELECT machine, metric, count(value),
  count(*) FILTER (WHERE value >= 0 AND (value <= 1 OR NOT ends_with(metric, '_ratio'))),
  (min(value) = max(value))::INTEGER,
  epoch_ms(min(time)), epoch_ms(max(time)), epoch_ms(max(time) FILTER (WHERE value IS NOT NULL))
FROM cells GROUP BY machine, metric ORDER BY machine, metric`;

/**
 * Judges every metric of every node of a store.
 *
 * @param nowMs - The present.
 * @throws MlschedError `MLS_COLLECT_NO_STORE`, `MLS_FILES_BAD_QUERY`.
 */
export async function assessStore(directory: string, nowMs: number): Promise<StoreQuality> {
  const status = await describeStore(directory, nowMs);
  const stepMs = status.stepSeconds * SECOND_MS;
  const { rows } = status.rows === 0 ? { rows: [] } : await queryStore(directory, SQL, Infinity);
  const columns = rows.map((row): ColumnQuality => {
    const [known = 0, inRange = 0, isConstant = 0, firstMs = 0, lastMs = 0, newestMs = NaN] = row
      .slice(2)
      .map(Number);
    // A trace keeps its own times: there only what is null in a row is missing.
    const expected = stepMs === 0 ? known : (lastMs - firstMs) / stepMs + 1;
    return {
      machine: String(row[0]),
      column: String(row[1]),
      completenessRatio: clamp(known / Math.max(1, expected), 0, 1),
      rangeRatio: known === 0 ? 0 : inRange / known,
      isConstant: isConstant === 1,
      ageSeconds: known === 0 ? NaN : Math.round((nowMs - newestMs) / SECOND_MS),
    };
  });
  const { counterResets, duplicateSeries, absentColumns, nodesWithoutCpu, missingDays } = status;
  return { columns, counterResets, duplicateSeries, absentColumns, nodesWithoutCpu, missingDays };
}
