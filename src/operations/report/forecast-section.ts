import {
  bandPath,
  CHART_WIDTH,
  drawing,
  legend,
  linearScale,
  linePath,
  ticks,
  xAxis,
  yAxis,
} from './chart.ts';
import type { Frame } from './chart.ts';
import { element, join, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { renderTable } from './table.ts';
import type { ReportColumn } from './table.ts';
import type { ForecastRow, ForecastTrace } from './types.ts';

const HEIGHT = 240;
const FRAME: Frame = { left: 56, right: CHART_WIDTH - 12, top: 12, bottom: HEIGHT - 30 };
const HOUR_MS = 3_600_000;

/** Forecast bands against what came. */
export function forecastChart(trace: ForecastTrace): Markup {
  const count = trace.timesMs.length;
  const from = trace.timesMs[0] as number;
  const hours = Array.from(trace.timesMs, (time) => (time - from) / HOUR_MS);
  const x = linearScale([0, hours[count - 1] ?? 1], [FRAME.left, FRAME.right]);
  const top = Math.max(
    0.1,
    ...Array.from(trace.high95Ratio).filter(Number.isFinite),
    ...Array.from(trace.actualRatio).filter(Number.isFinite),
  );
  const domain = [0, Math.min(1, top * 1.05)] as const;
  const y = linearScale(domain, [FRAME.bottom, FRAME.top]);
  const line = (values: ArrayLike<number>) => ({ x: hours, y: values });
  const title = `${trace.machine}, ${trace.target}, ${trace.horizonMinutes} minutes ahead`;
  return element('figure', {}, [
    element('figcaption', {}, [text(title)]),
    drawing(`Forecast and actual load of ${title}`, HEIGHT, [
      yAxis(FRAME, y, ticks(domain, 5), (value) => `${Math.round(value * 100)} %`),
      xAxis(FRAME, x, ticks([0, hours[count - 1] ?? 1], 8), (value) => `${value} h`),
      bandPath(line(trace.low05Ratio), line(trace.high95Ratio), x, y),
      linePath(line(trace.medianRatio), x, y, 'forecast'),
      linePath(line(trace.actualRatio), x, y, 'actual'),
    ]),
    legend([
      { label: 'actual', className: 'actual' },
      { label: 'forecast (median)', className: 'forecast' },
      { label: '90 % interval', className: 'band' },
    ]),
  ]);
}

const COLUMNS: readonly ReportColumn<ForecastRow>[] = [
  { header: 'Target', value: (row) => row.target },
  { header: 'Horizon (min)', value: (row) => row.horizonMinutes },
  { header: 'Model', value: (row) => row.model },
  { header: 'Accuracy 1 - WAPE (%)', value: (row) => row.wapeAccuracyRatio * 100, digits: 1 },
  { header: 'MAE (points of capacity)', value: (row) => row.maeRatio * 100, digits: 2 },
  { header: 'MASE against last value', value: (row) => row.mase, digits: 3 },
  { header: '90 % interval covers (%)', value: (row) => row.coverage90Ratio * 100, digits: 1 },
];

export function forecastTable(rows: readonly ForecastRow[]): Markup {
  return renderTable(COLUMNS, rows, (row) => (row.model === 'mlsched' ? 'own' : undefined));
}

export function forecastCharts(traces: readonly ForecastTrace[]): Markup {
  return join(traces.map(forecastChart));
}
