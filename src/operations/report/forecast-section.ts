import type { ForecastResult, ForecastTrace } from '#training';
import { HOUR_MS } from '#kernel/units';
import {
  bandPath,
  chartFrame,
  drawing,
  figure,
  legend,
  linearScale,
  linePath,
  ticks,
  xAxis,
  yAxis,
} from './chart.ts';
import { join, paragraph } from './markup.ts';
import type { Markup } from './markup.ts';
import { formatRange, renderTable, tableView } from './table.ts';
import type { ReportColumn } from './table.ts';
import type { DemoReport } from './types.ts';
import { describeChange, outcomeOf, verdict } from './verdict.ts';

type ForecastPart = NonNullable<DemoReport['forecast']>;

const PROTOCOLS: Readonly<Record<ForecastPart['protocol'], string>> = {
  time: 'Trained on the first 85 % of each machine, judged on its last 15 %.',
  machines: 'Each machine is judged by a model that never saw it, on its last 15 %.',
  'saved-model': 'A saved model, nothing trained here, judged on the last 15 % of each machine.',
};
/** The horizon that the verdict is about. */
const VERDICT_MINUTES = 15;

/** Whether the forecast beats the best simple rival, by resource. */
export function forecastVerdicts({ results }: ForecastPart): Markup {
  const rows = results.filter(
    ({ model, horizonMinutes }) => model === 'mlsched' && horizonMinutes === VERDICT_MINUTES,
  );
  return join(
    rows.map((row) =>
      verdict(
        outcomeOf(row.skillCi95),
        `${row.target} forecast ${row.horizonMinutes} minutes ahead against the best simple forecast: error ${describeChange(row.skillRatio, row.skillCi95)}`,
      ),
    ),
  );
}

export function forecastSection(part: ForecastPart): Markup {
  return join([
    paragraph(
      `${PROTOCOLS[part.protocol]} ${part.machines} machines. Load is persistent, so simple forecasts look good: read each row beside its rivals. Skill is 1 - error / error of the best of them.`,
    ),
    summaryTable(part.results),
    tableView('Table: every model and rival', forecastTable(part.results)),
    ...part.traces.map(forecastChart),
  ]);
}

interface Comparison {
  readonly ours: ForecastResult;
  readonly bestRival: ForecastResult | undefined;
}

/** Ours beside the best simple rival on the same rows, a line for each resource and horizon. */
function summaryTable(results: readonly ForecastResult[]): Markup {
  const rows = results
    .filter(({ model }) => model === 'mlsched')
    .map((ours): Comparison => ({ ours, bestRival: bestRivalOf(ours, results) }));
  const columns: ReportColumn<Comparison>[] = [
    { header: 'Target', value: ({ ours }) => ours.target },
    { header: 'Horizon (min)', value: ({ ours }) => ours.horizonMinutes },
    {
      header: 'mlsched accuracy (%)',
      value: ({ ours }) => ours.wapeAccuracyRatio * 100,
      digits: 1,
      detail: ({ ours }) => percentRange(ours.wapeAccuracyCi95),
    },
    {
      header: 'Best rival accuracy (%)',
      value: ({ bestRival }) => percent(bestRival?.wapeAccuracyRatio ?? null),
      digits: 1,
      detail: ({ bestRival }) => bestRival?.model,
    },
    {
      header: 'Skill (%)',
      value: ({ ours }) => ours.skillRatio * 100,
      digits: 1,
      detail: ({ ours }) => percentRange(ours.skillCi95),
    },
    { header: '90 % interval covers (%)', value: ({ ours }) => percent(ours.coverage90Ratio), digits: 1 },
    { header: 'Verdict', value: ({ ours }) => outcomeOf(ours.skillCi95) },
  ];
  return renderTable(columns, rows);
}

function bestRivalOf(ours: ForecastResult, results: readonly ForecastResult[]): ForecastResult | undefined {
  return results
    .filter(
      ({ model, target, horizonMinutes }) =>
        model !== 'mlsched' && target === ours.target && horizonMinutes === ours.horizonMinutes,
    )
    .sort((a, b) => b.wapeAccuracyRatio - a.wapeAccuracyRatio)[0];
}

function percentRange([low, high]: readonly [number, number]): string | undefined {
  return formatRange([low * 100, high * 100], 1);
}

const COLUMNS: readonly ReportColumn<ForecastResult>[] = [
  { header: 'Model', value: ({ model }) => model },
  { header: 'Target', value: ({ target }) => target },
  { header: 'Horizon (min)', value: ({ horizonMinutes }) => horizonMinutes },
  {
    header: 'Accuracy, 1 - WAPE (%)',
    value: (row) => row.wapeAccuracyRatio * 100,
    digits: 1,
    detail: (row) => percentRange(row.wapeAccuracyCi95),
  },
  {
    header: 'Skill (%)',
    value: (row) => row.skillRatio * 100,
    digits: 1,
    detail: (row) => percentRange(row.skillCi95),
  },
  { header: 'MAE (points of capacity)', value: (row) => row.maeRatio * 100, digits: 2 },
  { header: 'MASE against last value', value: (row) => row.mase, digits: 3 },
  { header: '90 % interval covers (%)', value: (row) => percent(row.coverage90Ratio), digits: 1 },
  { header: 'Points', value: ({ points }) => points },
];

function percent(ratio: number | null): number | null {
  return ratio === null ? null : ratio * 100;
}

function forecastTable(rows: readonly ForecastResult[]): Markup {
  return renderTable(COLUMNS, rows, (row) => (row.model === 'mlsched' ? 'own' : undefined));
}

const HEIGHT = 270;

/** Forecast band against what came. */
function forecastChart(trace: ForecastTrace): Markup {
  const frame = chartFrame(HEIGHT);
  const first = trace.timesMs[0] ?? 0;
  const hours = Array.from(trace.timesMs, (time) => (time - first) / HOUR_MS);
  const xDomain = [0, hours.at(-1) ?? 1] as const;
  const known = [...trace.high95, ...trace.actual].filter(Number.isFinite);
  const yDomain = [0, Math.max(0.05, ...known) * 1.05] as const;
  const x = linearScale(xDomain, [frame.left, frame.right]);
  const y = linearScale(yDomain, [frame.bottom, frame.top]);
  const line = (values: ArrayLike<number>) => ({ x: hours, y: values });
  const caption = `${trace.machine}: ${trace.target}, forecast ${trace.horizonMinutes} minutes before`;
  const yFormat = (value: number): string => `${Number((value * 100).toFixed(1))} %`;
  return figure(caption, [
    drawing(`Forecast and actual load. ${caption}`, { height: HEIGHT }, [
      yAxis({ frame, scale: y, values: ticks(yDomain, 5), format: yFormat }),
      xAxis({ frame, scale: x, values: ticks(xDomain, 12), format: String, title: 'hours' }),
      bandPath(line(trace.low05), line(trace.high95), x, y),
      linePath(line(trace.actual), x, y, 'actual'),
      linePath(line(trace.median), x, y, 'forecast'),
    ]),
    legend([
      { label: 'actual', className: 'actual' },
      { label: 'forecast (median)', className: 'forecast' },
      { label: '90 % interval', className: 'band' },
    ]),
    tableView('Table: hour by hour', traceTable(trace, hours)),
  ]);
}

/** The first point of each hour. */
function traceTable(trace: ForecastTrace, hours: readonly number[]): Markup {
  const rows = hours.flatMap((hour, at) =>
    at === 0 || Math.floor(hour) > Math.floor(hours[at - 1] as number)
      ? [{ hour: Math.floor(hour), at }]
      : [],
  );
  const column = (header: string, values: ArrayLike<number>): ReportColumn<(typeof rows)[number]> => ({
    header,
    value: ({ at }) => (values[at] as number) * 100,
    digits: 1,
  });
  return renderTable(
    [
      { header: 'Hour', value: ({ hour }) => hour },
      column('Actual (%)', trace.actual),
      column('Forecast (%)', trace.median),
      column('5 % quantile (%)', trace.low05),
      column('95 % quantile (%)', trace.high95),
    ],
    rows,
  );
}
