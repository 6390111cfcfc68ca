import { CHART_WIDTH, drawing, legend, linearScale, linePath, ticks, xAxis, yAxis } from './chart.ts';
import type { Frame } from './chart.ts';
import { element, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { renderTable } from './table.ts';
import type { ReportColumn } from './table.ts';
import type { AnomalyRow, AnomalyTimeline } from './types.ts';

const COLUMNS: readonly ReportColumn<AnomalyRow>[] = [
  { header: 'Detector', value: (row) => row.model },
  { header: 'Event precision (%)', value: (row) => row.eventPrecision * 100, digits: 1 },
  { header: 'Events found (%)', value: (row) => row.eventRecall * 100, digits: 1 },
  { header: 'Point precision (%)', value: (row) => row.pointPrecision * 100, digits: 1 },
  { header: 'False positive rate (%)', value: (row) => row.falsePositiveRate * 100, digits: 3 },
  { header: 'Median delay (samples)', value: (row) => row.delaySamplesMedian, digits: 1 },
  { header: 'Alarms a day', value: (row) => row.alarmsPerDay, digits: 2 },
];

export function anomalyTable(rows: readonly AnomalyRow[]): Markup {
  return renderTable(COLUMNS, rows, (row) => (row.model === 'mlsched' ? 'own' : undefined));
}

const HEIGHT = 220;
const FRAME: Frame = { left: 56, right: CHART_WIDTH - 12, top: 12, bottom: HEIGHT - 30 };
const MAX_POINTS = 1200;

/** The score of one machine over time, with what was labelled and what raised an alarm. */
export function anomalyTimelineChart(timeline: AnomalyTimeline): Markup {
  const steps = timeline.score.length;
  const x = linearScale([0, steps], [FRAME.left, FRAME.right]);
  const thinned = thinOut(timeline.score);
  const domain = [0, Math.max(timeline.alertScore * 1.5, quantileTop(thinned.y))] as const;
  const y = linearScale(domain, [FRAME.bottom, FRAME.top]);
  const strip = (runs: AnomalyTimeline['alarms'], className: string, top: number, height: number): Markup[] =>
    runs.map(([from, to]) =>
      element('rect', {
        class: className,
        x: x(from),
        y: top,
        width: Math.max(x(to) - x(from), 1.5),
        height,
      }),
    );
  const limited = { x: thinned.x, y: thinned.y.map((value) => Math.min(value, domain[1])) };
  return element('figure', {}, [
    element('figcaption', {}, [text(`${timeline.machine}: how unusual, over ${steps} samples`)]),
    drawing(`Anomaly score of ${timeline.machine}`, HEIGHT, [
      ...strip(timeline.labelled, 'labelled', FRAME.top, FRAME.bottom - FRAME.top),
      yAxis(FRAME, y, ticks(domain, 4), String),
      xAxis(FRAME, x, ticks([0, steps], 8), String),
      linePath(limited, x, y, 'anomaly'),
      element('line', {
        class: 'threshold',
        x1: FRAME.left,
        x2: FRAME.right,
        y1: y(timeline.alertScore),
        y2: y(timeline.alertScore),
      }),
      ...strip(timeline.alarms, 'alarm', FRAME.bottom - 8, 8),
    ]),
    legend([
      { label: 'score', className: 'anomaly' },
      { label: 'alert level', className: 'threshold' },
      { label: 'labelled as anomalous (never shown to the model)', className: 'labelled' },
      { label: 'alarm', className: 'alarm' },
    ]),
  ]);
}

interface Thinned {
  readonly x: number[];
  readonly y: number[];
}

/** Keeps the largest score of each stretch: peaks are what the plot is for. */
function thinOut(score: ArrayLike<number>): Thinned {
  const stride = Math.max(1, Math.ceil(score.length / MAX_POINTS));
  const x: number[] = [];
  const y: number[] = [];
  for (let from = 0; from < score.length; from += stride) {
    let highest = Number.NaN;
    for (let at = from; at < Math.min(from + stride, score.length); at++) {
      const value = score[at] as number;
      if (!(value <= highest)) highest = value;
    }
    x.push(from);
    y.push(highest);
  }
  return { x, y };
}

/** A top that single outliers do not stretch. */
function quantileTop(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.998)] ?? 1;
}
