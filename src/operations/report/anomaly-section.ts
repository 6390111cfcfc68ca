import type { AnomalyReport } from '#training';
import { chartFrame, drawing, figure, legend, linearScale, linePath, ticks, xAxis, yAxis } from './chart.ts';
import type { Scale } from './chart.ts';
import { element, join, paragraph } from './markup.ts';
import type { Markup } from './markup.ts';
import { renderTable, tableView } from './table.ts';
import type { ReportColumn } from './table.ts';
import type { AnomalyTimeline, DemoReport, StepRun } from './types.ts';

type AnomalyPart = NonNullable<DemoReport['anomaly']>;
type AnomalyRow = AnomalyReport['pooled'][number];

export function anomalySection({ report, timeline }: AnomalyPart): Markup {
  return join([
    paragraph(
      `Fitted without labels on the first half of ${report.machines} machines, judged on ${report.events} labelled incidents of the second half, without point adjustment. The random detector raises the same alarms at random moments.`,
    ),
    renderTable(COLUMNS, report.pooled, ({ model }) => (model === 'mlsched' ? 'own' : undefined)),
    timeline === undefined ? paragraph('No timeline was recorded.') : timelineFigure(timeline),
  ]);
}

function percent(ratio: number | null): number | null {
  return ratio === null ? null : ratio * 100;
}

const COLUMNS: readonly ReportColumn<AnomalyRow>[] = [
  { header: 'Detector', value: ({ model }) => model },
  { header: 'Event precision (%)', value: (row) => percent(row.eventPrecision), digits: 1 },
  { header: 'Events found (%)', value: (row) => percent(row.eventRecall), digits: 1 },
  { header: 'Point precision (%)', value: (row) => percent(row.pointPrecision), digits: 1 },
  { header: 'Point recall (%)', value: (row) => percent(row.pointRecall), digits: 1 },
  { header: 'False positive rate (%)', value: (row) => percent(row.falsePositiveRate), digits: 3 },
  { header: 'Median delay (samples)', value: (row) => row.delaySamplesMedian, digits: 1 },
  { header: 'Alarms a machine and day', value: (row) => row.alarmsPerDay, digits: 2 },
  { header: 'Time in alarm (%)', value: (row) => row.alarmedShareRatio * 100, digits: 2 },
];

const HEIGHT = 280;
const STRIP = 10;
const MAX_POINTS = 1400;

/** The score of one machine over time, with what was labelled and what raised an alarm. */
function timelineFigure(timeline: AnomalyTimeline): Markup {
  const frame = chartFrame(HEIGHT);
  const steps = timeline.score.length;
  const thinned = thinOut(timeline.score);
  const yDomain = [0, Math.max(timeline.alertScore * 1.5, highestUsual(thinned.y))] as const;
  const x = linearScale([0, steps], [frame.left, frame.right]);
  const y = linearScale(yDomain, [frame.bottom - STRIP - 4, frame.top + STRIP + 4]);
  const score = { x: thinned.x, y: thinned.y.map((value) => Math.min(value, yDomain[1])) };
  const isCut = thinned.y.some((value) => value > yDomain[1]);
  const level = y(timeline.alertScore);
  const { labelled, alarms } = timeline;
  return figure(`${timeline.machine}: how unusual each sample is`, [
    drawing(`Anomaly score of ${timeline.machine} with labelled incidents and alarms`, { height: HEIGHT }, [
      ...strip(labelled, x, { class: 'labelled', y: frame.top, height: frame.bottom - frame.top }),
      yAxis({ frame, scale: y, values: ticks(yDomain, 4), format: String }),
      xAxis({ frame, scale: x, values: ticks([0, steps], 10), format: String, title: 'sample' }),
      linePath(score, x, y, 'anomaly'),
      element('line', { class: 'threshold', x1: frame.left, x2: frame.right, y1: level, y2: level }),
      ...strip(labelled, x, { class: 'incident', y: frame.top, height: STRIP }),
      ...strip(alarms, x, { class: 'alarm', y: frame.bottom - STRIP, height: STRIP }),
    ]),
    legend([
      { label: 'labelled incident, never shown to the model (top)', className: 'incident' },
      { label: isCut ? 'score, cut off at the top' : 'score', className: 'anomaly' },
      { label: 'alarm level', className: 'threshold' },
      { label: 'alarm (bottom)', className: 'alarm' },
    ]),
    paragraph(describeTimeline(timeline)),
    tableView('Table: labelled incidents', incidentTable(timeline)),
  ]);
}

/** Each run as a rectangle that stays visible however short it is. */
function strip(
  runs: readonly StepRun[],
  x: Scale,
  shape: { readonly class: string; readonly y: number; readonly height: number },
): Markup[] {
  return runs.map(([from, to]) =>
    element('rect', { ...shape, x: x(from), width: Math.max(x(to) - x(from), 2) }),
  );
}

interface Incident {
  readonly from: number;
  readonly length: number;
  /** Samples from its start to the first alarmed one; undefined = missed. */
  readonly delay: number | undefined;
}

function incidentsOf({ labelled, alarms }: AnomalyTimeline): Incident[] {
  return labelled.map(([from, to]) => {
    const first = alarms.find((alarm) => isOverlapping(alarm, [from, to]));
    return {
      from,
      length: to - from,
      delay: first === undefined ? undefined : Math.max(first[0] - from, 0),
    };
  });
}

function isOverlapping(a: StepRun, b: StepRun): boolean {
  return a[0] < b[1] && b[0] < a[1];
}

function describeTimeline(timeline: AnomalyTimeline): string {
  const { alarms, labelled } = timeline;
  const found = incidentsOf(timeline).filter(({ delay }) => delay !== undefined).length;
  const wrong = alarms.filter((alarm) => !labelled.some((run) => isOverlapping(alarm, run))).length;
  return `${found} of ${labelled.length} labelled incidents raised an alarm; ${wrong} of ${alarms.length} alarms met no labelled incident.`;
}

function incidentTable(timeline: AnomalyTimeline): Markup {
  const columns: ReportColumn<Incident>[] = [
    { header: 'Begins at sample', value: ({ from }) => from },
    { header: 'Length (samples)', value: ({ length }) => length },
    { header: 'Alarm', value: ({ delay }) => (delay === undefined ? 'missed' : 'raised') },
    { header: 'Delay (samples)', value: ({ delay }) => delay },
  ];
  return renderTable(columns, incidentsOf(timeline));
}

interface Thinned {
  readonly x: number[];
  readonly y: number[];
}

/** Keeps the largest known score of each stretch: peaks are what the plot is for. */
function thinOut(score: ArrayLike<number>): Thinned {
  const stride = Math.max(1, Math.ceil(score.length / MAX_POINTS));
  const x: number[] = [];
  const y: number[] = [];
  for (let from = 0; from < score.length; from += stride) {
    const known = Array.from({ length: Math.min(stride, score.length - from) }, (_, i) => score[from + i])
      .filter((value) => value !== undefined)
      .filter(Number.isFinite);
    x.push(from);
    y.push(known.length === 0 ? Number.NaN : Math.max(...known));
  }
  return { x, y };
}

/** A top that single outliers do not stretch. */
function highestUsual(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.998)] ?? 1;
}
