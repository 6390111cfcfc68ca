import { DAY_MS, HOUR_MS } from '#kernel/units';
import {
  bandPath,
  CHART_WIDTH,
  chartFrame,
  drawing,
  figure,
  legend,
  linearScale,
  linePath,
  ticks,
  xAxis,
  yAxis,
} from '../report/chart.ts';
import { LEVEL_LABELS, levelOf } from '../report/heat-map.ts';
import { element, text } from '../report/markup.ts';
import type { Markup } from '../report/markup.ts';
import type { ClusterTimeline, ClusterUse, NodeBaseline } from './types.ts';

const HEIGHT = 280;
const MAX_POINTS = 1200;
const LABEL_WIDTH = 190;
const MAX_HEAT_NODES = 60;

const percent = (value: number): string => `${value} %`;

/** Mean over the nodes with the emptiest and the fullest one, over time. */
export function timelineFigure({ timeline, target }: ClusterUse): Markup {
  const { timesMs, meanRatio, lowestRatio, highestRatio } = thinOut(timeline);
  const frame = chartFrame(HEIGHT);
  const span = [timesMs[0] ?? 0, timesMs.at(-1) ?? 1] as const;
  const x = linearScale(span, [frame.left, frame.right]);
  const y = linearScale([0, 100], [frame.bottom, frame.top]);
  const line = (values: Float64Array) => ({ x: timesMs, y: values.map((value) => value * 100) });
  return figure(`${nameOf(target)} over time`, [
    drawing(
      `${nameOf(target)} of the cluster over time: mean, fullest and emptiest node`,
      { height: HEIGHT },
      [
        yAxis({ frame, scale: y, values: [0, 20, 40, 60, 80, 100], format: percent }),
        bandPath(line(lowestRatio), line(highestRatio), x, y),
        linePath(line(highestRatio), x, y, 'anomaly'),
        linePath(line(meanRatio), x, y, 'forecast'),
        element('line', { class: 'threshold', x1: frame.left, x2: frame.right, y1: y(80), y2: y(80) }),
        xAxis({ frame, scale: x, values: timeTicks(span), format: timeLabel(span), title: 'UTC' }),
      ],
    ),
    legend([
      { label: 'mean of the nodes', className: 'forecast' },
      { label: 'fullest node', className: 'anomaly' },
      { label: 'from the emptiest to the fullest node', className: 'band' },
      { label: '80 %', className: 'threshold' },
    ]),
  ]);
}

/** The newest windows in buckets, so that a month fits: means, and the extremes of the extremes. */
function thinOut(timeline: ClusterTimeline): ClusterTimeline {
  const length = timeline.timesMs.length;
  const stride = Math.ceil(length / MAX_POINTS);
  if (stride === 1) return timeline;
  const buckets = Math.ceil(length / stride);
  const fold = (values: Float64Array, combine: (known: Float64Array) => number): Float64Array =>
    Float64Array.from({ length: buckets }, (_, at) => {
      const known = values.subarray(at * stride, (at + 1) * stride).filter((value) => !Number.isNaN(value));
      return known.length === 0 ? Number.NaN : combine(known);
    });
  const average = (known: Float64Array): number =>
    known.reduce((sum, value) => sum + value, 0) / known.length;
  return {
    timesMs: Float64Array.from({ length: buckets }, (_, at) => timeline.timesMs[at * stride] as number),
    meanRatio: fold(timeline.meanRatio, average),
    lowestRatio: fold(timeline.lowestRatio, (known) => known.reduce((a, b) => Math.min(a, b))),
    highestRatio: fold(timeline.highestRatio, (known) => known.reduce((a, b) => Math.max(a, b))),
  };
}

function timeTicks([from, to]: readonly [number, number]): number[] {
  const wanted = (to - from) / 8;
  const step =
    [HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, DAY_MS, 2 * DAY_MS, 4 * DAY_MS, 7 * DAY_MS].find(
      (candidate) => candidate >= wanted,
    ) ?? 30 * DAY_MS;
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, at) => first + at * step);
}

function timeLabel([from, to]: readonly [number, number]): (timeMs: number) => string {
  const [begin, end] = to - from > 2 * DAY_MS ? [5, 10] : [11, 16];
  return (timeMs) => new Date(timeMs).toISOString().slice(begin, end);
}

/** Share of node time in each 5 % of capacity. */
export function distributionFigure(uses: readonly ClusterUse[]): Markup {
  // Room for the last label, which stands below the edge.
  const frame = { ...chartFrame(HEIGHT), right: CHART_WIDTH - 28 };
  const bins = uses[0]?.distribution.length ?? 0;
  const highest = Math.max(...uses.flatMap(({ distribution }) => distribution)) * 100;
  const x = linearScale([0, 100], [frame.left, frame.right]);
  const y = linearScale([0, highest], [frame.bottom, frame.top]);
  const slot = (frame.right - frame.left) / bins;
  const width = (slot * 0.8) / uses.length;
  const bars = uses.flatMap(({ distribution, target }, side) =>
    distribution.map((share, bin) =>
      element('rect', {
        class: classOf(target),
        x: frame.left + bin * slot + slot * 0.1 + side * width,
        width,
        y: y(share * 100),
        height: frame.bottom - y(share * 100),
      }),
    ),
  );
  return figure('How full the nodes are', [
    drawing('Share of node time at each level of use', { height: HEIGHT }, [
      yAxis({ frame, scale: y, values: ticks([0, highest], 5), format: percent }),
      ...bars,
      xAxis({ frame, scale: x, values: [0, 20, 40, 60, 80, 100], format: percent, title: 'use of a node' }),
    ]),
    legend(uses.map(({ target }) => ({ label: nameOf(target), className: classOf(target) }))),
  ]);
}

/** CPU of each node at each hour of the day. */
export function hourFigure(nodes: readonly NodeBaseline[]): Markup {
  const shown = nodes.slice(0, MAX_HEAT_NODES);
  const cell = Math.max(8, Math.min(26, Math.floor(520 / shown.length)));
  const frame = { left: LABEL_WIDTH, right: CHART_WIDTH - 16, top: 0, bottom: shown.length * cell };
  const x = linearScale([0, 24], [frame.left, frame.right]);
  const rows = shown.flatMap(({ node, cpuP95ByHourRatio }, row) => [
    element(
      'text',
      { class: 'label', x: frame.left - 8, y: row * cell + cell / 2 + 4, 'text-anchor': 'end' },
      [text(node.length > 24 ? `${node.slice(0, 23)}…` : node)],
    ),
    ...cpuP95ByHourRatio.map((ratio, hour) =>
      Number.isNaN(ratio)
        ? element('g', {})
        : element(
            'rect',
            {
              class: `heat${levelOf(ratio)}`,
              x: x(hour) + 0.5,
              y: row * cell + 0.5,
              width: x(1) - x(0) - 1,
              height: cell - 1,
            },
            [element('title', {}, [text(`${node}, ${hour}:00: ${Math.round(ratio * 100)} %`)])],
          ),
    ),
  ]);
  const caption =
    shown.length < nodes.length
      ? `CPU by hour of the day (95th percentile), the ${shown.length} fullest of ${nodes.length} nodes`
      : 'CPU by hour of the day (95th percentile)';
  return figure(caption, [
    drawing(
      '95th percentile of CPU use of each node at each hour of the day',
      { height: frame.bottom + 44 },
      [
        ...rows,
        xAxis({
          frame,
          scale: x,
          values: [0, 3, 6, 9, 12, 15, 18, 21, 24],
          format: String,
          title: 'hour, UTC',
        }),
      ],
    ),
    legend(LEVEL_LABELS.map((label, level) => ({ label, className: `heat${level}` }))),
  ]);
}

export function nameOf(target: 'cpu' | 'memory'): string {
  return target === 'cpu' ? 'CPU' : 'Memory';
}

function classOf(target: 'cpu' | 'memory'): string {
  return target === 'cpu' ? 'forecast' : 'placement';
}
