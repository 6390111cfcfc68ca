import type { AnomalyReport } from '#training';
import { renderTable } from '../table.ts';
import type { Column } from '../table.ts';

type Pooled = AnomalyReport['pooled'][number];

const COLUMNS: readonly Column<Pooled>[] = [
  { header: 'DETECTOR', value: (row) => row.model },
  { header: 'EVENT PRECISION (%)', value: (row) => percent(row.eventPrecision), digits: 1 },
  { header: 'EVENTS FOUND (%)', value: (row) => percent(row.eventRecall), digits: 1 },
  { header: 'POINT PRECISION (%)', value: (row) => percent(row.pointPrecision), digits: 1 },
  { header: 'POINT RECALL (%)', value: (row) => percent(row.pointRecall), digits: 1 },
  { header: 'FALSE POSITIVES (%)', value: (row) => percent(row.falsePositiveRate), digits: 3 },
  { header: 'DELAY (SAMPLES)', value: (row) => row.delaySamplesMedian ?? undefined, digits: 1 },
  { header: 'ALARMS A DAY', value: (row) => row.alarmsPerDay, digits: 2 },
];

function percent(ratio: number | null): number | undefined {
  return ratio === null ? undefined : ratio * 100;
}

/** All machines together, our detector first. */
export function printAnomalyReport(report: AnomalyReport): string {
  const head = `${report.machines} machines, ${report.events} labelled events, no point adjustment; counts are added over machines\n\n`;
  return `${head}${renderTable(COLUMNS, report.pooled)}`;
}
