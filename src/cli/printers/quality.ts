import type { ColumnQuality, MetricQuality, QualityReport, StoreQuality } from '#collect';
import { formatPercent } from '#kernel/units';
import { renderTable } from '../table.ts';
import type { Column } from '../table.ts';

const COLUMNS: readonly Column<MetricQuality>[] = [
  { header: 'MACHINE', value: (row) => row.machine },
  { header: 'METRIC', value: (row) => row.metric },
  { header: 'VERDICT', value: (row) => row.verdict },
  { header: 'SCORE (%)', value: (row) => row.score * 100, digits: 1 },
  { header: 'COMPLETE (%)', value: (row) => row.parts.completeness * 100, digits: 1 },
  { header: 'SAMPLES', value: (row) => row.samples },
  { header: 'STEP (S)', value: (row) => row.stepSeconds },
  { header: 'GAPS', value: (row) => row.gapCount },
  { header: 'FLAT (%)', value: (row) => row.flatRatio * 100, digits: 1 },
];

/** Worst metric first, then what to do about it. */
export function printQuality(report: QualityReport & { readonly store?: StoreQuality }): string {
  const failing = report.metrics.filter((metric) => metric.verdict === 'fail');
  const advice = report.metrics
    .filter((metric) => metric.action !== '')
    .map(
      (metric) =>
        `${metric.verdict === 'fail' ? 'ERROR' : 'WARNING'} ${metric.machine} ${metric.metric}: ${metric.action}\n`,
    );
  const bar = formatPercent(report.barRatio, 0);
  const verdict =
    report.verdict === 'pass'
      ? `good enough to learn from: score ${formatPercent(report.score)}, ${failing.length === 0 ? 'every metric reaches' : `${failing.length} metrics miss`} the bar of ${bar}\n`
      : `below the bar of ${bar}: score ${formatPercent(report.score)}, ${failing.length} of ${report.metrics.length} metrics fail\n`;
  return [renderTable(COLUMNS, report.metrics), describeStoreQuality(report), advice.join(''), verdict]
    .filter((part) => part !== '')
    .join('\n');
}

const OTHER_COLUMNS: readonly Column<ColumnQuality>[] = [
  { header: 'MACHINE', value: (row) => row.machine },
  { header: 'OTHER METRIC BELOW THE BAR', value: (row) => row.column },
  { header: 'COMPLETE (%)', value: (row) => row.completenessRatio * 100, digits: 1 },
  { header: 'IN RANGE (%)', value: (row) => row.rangeRatio * 100, digits: 1 },
  { header: 'AGE (S)', value: (row) => row.ageSeconds },
];
const VITAL = new Set(['cpu_usage_ratio', 'memory_usage_ratio']);

/** Metrics beside CPU and memory that are weak; those that the source does not have at all go in one line. */
function describeStoreQuality({ store, barRatio }: { store?: StoreQuality; barRatio: number }): string {
  if (store === undefined) return '';
  const absent = new Set(store.absentColumns);
  const weak = store.columns.filter(
    ({ column, completenessRatio, rangeRatio }) =>
      !VITAL.has(column) && !absent.has(column) && completenessRatio * rangeRatio < barRatio,
  );
  const lines = [
    ...(absent.size > 0 ? [`WARNING absent: ${[...absent].join(', ')}`] : []),
    ...(store.nodesWithoutCpu.length > 0
      ? [`WARNING without CPU samples: ${store.nodesWithoutCpu.join(', ')}`]
      : []),
    ...(store.missingDays.length > 0 ? [`WARNING no row on ${store.missingDays.join(', ')}`] : []),
    ...(store.counterResets > 0
      ? [`INFO ${store.counterResets} counter resets; those rates are unknown`]
      : []),
    ...(store.duplicateSeries > 0 ? [`INFO ${store.duplicateSeries} series came twice and count once`] : []),
  ];
  const table = weak.length === 0 ? '' : renderTable(OTHER_COLUMNS, weak);
  const text = lines.map((line) => `${line}\n`).join('');
  return table !== '' && text !== '' ? `${table}\n${text}` : `${table}${text}`;
}
