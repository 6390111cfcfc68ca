import type { ListedIncident, PrecisionReview } from '#operations';
import { renderTable } from '../table.ts';
import type { Column } from '../table.ts';

const COLUMNS: readonly Column<ListedIncident>[] = [
  { header: 'INCIDENT', value: ({ id }) => id },
  { header: 'OPENED', value: ({ openedAt }) => openedAt.slice(0, 16).replace('T', ' ') },
  { header: 'MINUTES', value: ({ durationMinutes }) => durationMinutes },
  { header: 'STATE', value: ({ state, suppressedBy }) => suppressedBy ?? state },
  { header: 'HEALTH', value: ({ worstHealthRatio }) => worstHealthRatio, digits: 2 },
  { header: 'VERDICT', value: ({ verdict }) => verdict ?? undefined },
  { header: 'WHAT STOOD OUT', value: ({ what }) => what },
];

/** Incidents as a table, with a word on what could not be read. */
export function printIncidents(data: {
  readonly incidents: readonly ListedIncident[];
  readonly damagedLines: number;
}): string {
  const table = data.incidents.length === 0 ? 'no incidents\n' : renderTable(COLUMNS, data.incidents);
  return `${table}${damage(data.damagedLines)}`;
}

function damage(lines: number): string {
  return lines === 0 ? '' : `\nWARNING ${lines} damaged lines in the book were skipped\n`;
}

/** The figures of the review and its advice. */
export function printPrecision(review: PrecisionReview): string {
  const { judgedIncidents, trueIncidents, ci95, advice } = review;
  const precision =
    review.precision === null
      ? 'unknown: no incident was judged yet'
      : `${percent(review.precision)} (${trueIncidents} of ${judgedIncidents} judged; 95 % interval ${percent(ci95[0])} to ${percent(ci95[1])}), target ${percent(review.targetPrecision)}`;
  return [
    `incidents   ${review.incidents}, of them suppressed ${review.suppressedIncidents}`,
    `precision   ${precision}`,
    `threshold   ${review.thresholdMultiple.toFixed(2)} times the model's own`,
    `advice      ${advice.kind === 'kept' ? 'keep it' : `${advice.kind} to ${advice.multiple.toFixed(2)}`}: ${advice.reason}`,
    damage(review.damagedLines),
  ].join('\n');
}

function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}

/** What a replay came to. */
export function printReplay(report: {
  readonly machines: number;
  readonly days: number;
  readonly incidents: readonly ListedIncident[];
  readonly suppressedIncidents: number;
  readonly incidentsPerNodeMonth: number;
  readonly isRecorded: boolean;
}): string {
  const table = report.incidents.length === 0 ? '' : `${renderTable(COLUMNS, report.incidents)}\n`;
  const recorded = report.isRecorded ? "; written down: 'mlsched incidents verdict' judges them" : '';
  return `${table}${report.incidents.length} incidents on ${report.machines} machines in ${report.days.toFixed(1)} days, ${report.suppressedIncidents} suppressed: ${report.incidentsPerNodeMonth.toFixed(2)} for each node and month${recorded}\n`;
}
