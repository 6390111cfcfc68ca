import type { MetricQuality, QualityReport } from '#collect';
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
export function printQuality(report: QualityReport): string {
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
  return [renderTable(COLUMNS, report.metrics), advice.join(''), verdict]
    .filter((part) => part !== '')
    .join('\n');
}
