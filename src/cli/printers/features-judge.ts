import type { FeatureHealth } from '#features';
import type { FeatureComparison } from '#services/features-compare';
import type { FeatureReport } from '#services/features-validate';
import { formatPercent } from '#kernel/units';
import { renderTable } from '../table.ts';

/** Rows of the health table at most: the worst ones. */
const MOST_ROWS = 20;

/** What was found first, then the most restless features. */
export function printFeatureReport(report: FeatureReport): string {
  const findings = report.findings.map(
    ({ kind, view, feature, message }) =>
      `ERROR ${kind} ${view}${feature === undefined ? '' : `.${feature}`}: ${message}\n`,
  );
  const worst = [...report.features]
    .filter(({ stabilityIndex }) => !Number.isNaN(stabilityIndex))
    .sort((a, b) => b.stabilityIndex / b.stabilityLimit - a.stabilityIndex / a.stabilityLimit)
    .slice(0, MOST_ROWS);
  const table = renderTable<FeatureHealth>(
    [
      { header: 'VIEW', value: (row) => row.view },
      { header: 'FEATURE', value: (row) => row.feature },
      { header: 'STABILITY', value: (row) => row.stabilityIndex, digits: 3 },
      { header: 'LIMIT', value: (row) => row.stabilityLimit, digits: 3 },
      { header: 'KS', value: (row) => row.kolmogorovSmirnov, digits: 3 },
      { header: 'UNKNOWN (%)', value: (row) => row.unknownRatio * 100, digits: 1 },
      { header: 'BEFORE (%)', value: (row) => row.referenceUnknownRatio * 100, digits: 1 },
    ],
    worst,
  );
  const spans = report.views.map(
    ({ view, fromMs, toMs, rows }) => `${view}: ${rows} rows after ${utc(fromMs)}, to ${utc(toMs)}\n`,
  );
  const verdict =
    report.verdict === 'pass'
      ? `${report.features.length} features as they must be\n`
      : `${report.findings.length} findings in ${report.features.length} features\n`;
  return [findings.join(''), worst.length === 0 ? '' : table, `${spans.join('')}${verdict}`]
    .filter((part) => part !== '')
    .join('\n');
}

function utc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

const VERDICTS = {
  'a-better': 'A forecasts better',
  'b-better': 'B forecasts better',
  'no-difference': 'no difference that the data can show',
  'too-little-data': 'too little data for a verdict',
} as const;

export function printComparison(comparison: FeatureComparison): string {
  const { setA, setB } = comparison;
  const percent = (ratio: number): string => `${ratio >= 0 ? '+' : ''}${formatPercent(ratio)}`;
  const table = renderTable(
    [
      { header: 'TARGET', value: (row) => row.target },
      { header: 'HORIZON (MIN)', value: (row) => row.horizonMinutes },
      { header: 'MAE A (%)', value: (row) => row.maeRatioA * 100, digits: 3 },
      { header: 'MAE B (%)', value: (row) => row.maeRatioB * 100, digits: 3 },
      { header: 'B OVER A', value: (row) => percent(row.improvementRatio) },
      { header: '95 % INTERVAL', value: (row) => `${percent(row.ci95[0])} to ${percent(row.ci95[1])}` },
      { header: 'MACHINE-DAYS', value: (row) => row.machineDays },
      { header: 'VERDICT', value: (row) => row.verdict },
    ],
    comparison.results,
  );
  const interval = `${percent(comparison.improvementRatio)}, 95 % interval ${percent(comparison.ci95[0])} to ${percent(comparison.ci95[1])}`;
  return `A: ${setA.text} (${setA.features} features)\nB: ${setB.text} (${setB.features} features)\n\n${table}\n${VERDICTS[comparison.verdict]}: B over A ${interval}\n`;
}
