import { HOUR_MS } from '#kernel/units';
import type { PrometheusReader } from '#platform/prometheus';
import { METRIC_CATALOGUE } from './metric-catalogue.ts';
import type { MetricDefinition } from './metric-catalogue.ts';

/** Whether a source has a metric, and what is lost if not. */
export interface MetricPresence {
  readonly metric: MetricDefinition;
  /** Series with a sample in the hour before; 0 means absent. */
  readonly series: number;
  /** Newest sample, epoch milliseconds; NaN when absent. */
  readonly newestMs: number;
}

/**
 * Asks a source for each metric of the catalogue over the last hour.
 *
 * @param nowMs - The present.
 * @returns One entry a metric, in the order of the catalogue.
 */
export async function probeCatalogue(
  reader: PrometheusReader,
  nowMs: number,
  metrics: readonly MetricDefinition[] = METRIC_CATALOGUE,
): Promise<MetricPresence[]> {
  const found: MetricPresence[] = [];
  for (const metric of metrics) {
    let series = 0;
    let newestMs = NaN;
    const selection = { matchers: metric.selector, startMs: nowMs - HOUR_MS, endMs: nowMs + 1 };
    for await (const { timesMs } of reader.read(selection)) {
      const lastMs = timesMs.at(-1);
      if (lastMs === undefined) continue;
      series++;
      newestMs = Number.isNaN(newestMs) ? lastMs : Math.max(newestMs, lastMs);
    }
    found.push({ metric, series, newestMs });
  }
  return found;
}
