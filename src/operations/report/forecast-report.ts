import { DETAIL_MODELS } from '#training';
import type { DetailGroup, ForecastDetail, ForecastEvaluation } from '#training';
import { chartFrame, drawing, figure, legend, linearScale, linePath, ticks, xAxis, yAxis } from './chart.ts';
import { forecastSection, forecastVerdicts } from './forecast-section.ts';
import { element, join, paragraph, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { STYLE } from './style.ts';
import { renderTable, tableView } from './table.ts';
import type { ReportColumn } from './table.ts';

/** What the forecast's own report shows. */
export interface ForecastReport {
  readonly createdAtMs: number;
  readonly dataDirectory: string;
  readonly version: string;
  /** Evaluated with `details`. */
  readonly evaluation: ForecastEvaluation;
}

/** Hours and machines are drawn for this horizon. */
const DRAWN_MINUTES = 15;

/**
 * Renders the walk-forward evaluation of the load forecast as one self-contained HTML page.
 *
 * @returns A complete document; everything that comes from data is escaped.
 */
export function renderForecastReport(report: ForecastReport): string {
  const { evaluation } = report;
  const sections = [
    section('horizon', 'Error by horizon', [errorByHorizon(evaluation.details)]),
    section('forecast', 'Against simple forecasts', [forecastSection(evaluation)]),
    section('hours', 'Error by hour of the day', evaluation.details.filter(isDrawn).map(errorByHour)),
    section('machines', 'Error by machine', evaluation.details.filter(isDrawn).map(errorByMachine)),
    section('top', 'The 5 % of moments with the highest load', [topLoadTable(evaluation.details)]),
    section('calibration', 'Calibration', [calibrationTable(evaluation.details)]),
    section('announced', 'Moments above 80 %, announced', [announcementTable(evaluation)]),
  ];
  const head = element('head', {}, [
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' as Markup,
    element('title', {}, [text('mlsched forecast report')]),
    element('style', {}, [STYLE as Markup]),
  ]);
  const body = element('body', {}, [header(report), element('main', {}, sections)]);
  return `<!doctype html>${element('html', { lang: 'en' }, [head, body])}\n`;
}

function header({ createdAtMs, dataDirectory, version, evaluation }: ForecastReport): Markup {
  const created = new Date(createdAtMs).toISOString().slice(0, 16).replace('T', ' ');
  return element('header', {}, [
    element('h1', {}, [text('Load forecast: walk-forward evaluation')]),
    paragraph(`mlsched ${version}, ${created} UTC, data ${dataDirectory}`, 'meta'),
    element('div', { class: 'verdicts' }, [forecastVerdicts(evaluation)]),
  ]);
}

function section(id: string, title: string, parts: readonly Markup[]): Markup {
  return element('section', { id }, [element('h2', {}, [text(title)]), ...parts]);
}

function isDrawn({ horizonMinutes }: ForecastDetail): boolean {
  return horizonMinutes === DRAWN_MINUTES;
}

/** Drawn lines; the seasonal rivals are mostly so far off that they would flatten the rest, and are in the tables. */
const DRAWN_MODELS = [
  { index: 0, label: 'mlsched', className: 'forecast' },
  { index: 1, label: 'last value', className: 'actual' },
  { index: 3, label: 'mean of the last hour', className: 'placement' },
] as const;
const HEIGHT = 230;

interface ErrorChart {
  readonly caption: string;
  readonly xTitle: string;
  readonly xs: readonly number[];
  readonly groups: readonly DetailGroup[];
}

function errorChart({ caption, xTitle, xs, groups }: ErrorChart): Markup {
  const frame = chartFrame(HEIGHT);
  const points = groups.flatMap(({ errors }) =>
    DRAWN_MODELS.map(({ index }) => (errors[index] as number) * 100),
  );
  const yDomain = [0, Math.max(0.1, ...points.filter(Number.isFinite)) * 1.08] as const;
  const xDomain = [xs[0] ?? 0, xs.at(-1) ?? 1] as const;
  const x = linearScale(xDomain, [frame.left, frame.right]);
  const y = linearScale(yDomain, [frame.bottom, frame.top]);
  return figure(caption, [
    drawing(caption, { height: HEIGHT }, [
      yAxis({ frame, scale: y, values: ticks(yDomain, 5), format: String }),
      xAxis({ frame, scale: x, values: xs, format: String, title: xTitle }),
      ...DRAWN_MODELS.map(({ index, className }) =>
        linePath({ x: xs, y: groups.map(({ errors }) => (errors[index] as number) * 100) }, x, y, className),
      ),
    ]),
    legend(DRAWN_MODELS.map(({ label, className }) => ({ label, className }))),
  ]);
}

function errorByHorizon(details: readonly ForecastDetail[]): Markup {
  const targets = [...new Set(details.map(({ target }) => target))];
  return join(
    targets.map((target) => {
      const own = details.filter((detail) => detail.target === target);
      return errorChart({
        caption: `${target}: mean absolute error, points of capacity`,
        xTitle: 'minutes ahead',
        xs: own.map(({ horizonMinutes }) => horizonMinutes),
        groups: own.map(({ all }) => all),
      });
    }),
  );
}

function errorByHour(detail: ForecastDetail): Markup {
  const caption = `${detail.target}, ${detail.horizonMinutes} minutes ahead: mean absolute error, points of capacity`;
  return join([
    errorChart({
      caption,
      xTitle: 'hour of the day, UTC',
      xs: detail.hours.map(({ name }) => Number(name)),
      groups: detail.hours,
    }),
    tableView('Table: hour by hour', groupTable('Hour', detail.hours)),
  ]);
}

function errorByMachine(detail: ForecastDetail): Markup {
  const worstFirst = detail.machines.toSorted((a, b) => (b.errors[0] as number) - (a.errors[0] as number));
  return join([
    element('h3', {}, [
      text(`${detail.target}, ${detail.horizonMinutes} minutes ahead, largest error first`),
    ]),
    groupTable('Machine', worstFirst),
  ]);
}

function groupTable(header: string, groups: readonly DetailGroup[]): Markup {
  return renderTable<DetailGroup>([{ header, value: ({ name }) => name }, ...groupColumns()], groups);
}

function groupColumns(): ReportColumn<DetailGroup>[] {
  return [
    ...DETAIL_MODELS.map((model, index): ReportColumn<DetailGroup> => ({
      header: `${model}, accuracy (%)`,
      value: ({ accuracies }) => (accuracies[index] as number) * 100,
      digits: 1,
    })),
    { header: 'MAE (points)', value: ({ errors }) => (errors[0] as number) * 100, digits: 2 },
    { header: '90 % covers (%)', value: ({ coverage90Ratio }) => coverage90Ratio * 100, digits: 1 },
    { header: 'Points', value: ({ points }) => points },
  ];
}

function topLoadTable(details: readonly ForecastDetail[]): Markup {
  const rows = details.map(({ target, horizonMinutes, topLoad }) => ({
    ...topLoad,
    name: `${target}, ${horizonMinutes} min`,
  }));
  return groupTable('Resource, horizon', rows);
}

function calibrationTable(details: readonly ForecastDetail[]): Markup {
  const share = (header: string, of: (detail: ForecastDetail) => number): ReportColumn<ForecastDetail> => ({
    header,
    value: (detail) => of(detail) * 100,
    digits: 1,
  });
  return join([
    paragraph('Share of the truth below each quantile: 5, 50 and 95 % when it keeps its promise.'),
    renderTable<ForecastDetail>(
      [
        { header: 'Target', value: ({ target }) => target },
        { header: 'Horizon (min)', value: ({ horizonMinutes }) => horizonMinutes },
        share('Below the 5 % quantile (%)', ({ calibration }) => calibration.below05),
        share('Below the median (%)', ({ calibration }) => calibration.below50),
        share('Below the 95 % quantile (%)', ({ calibration }) => calibration.below95),
        share('90 % interval covers (%)', ({ all }) => all.coverage90Ratio),
      ],
      details,
    ),
  ]);
}

function announcementTable({ announcements }: ForecastEvaluation): Markup {
  const percent = (ratio: number | null): number | null => (ratio === null ? null : ratio * 100);
  type Row = (typeof announcements)[number];
  const columns: ReportColumn<Row>[] = [
    { header: 'Target', value: ({ target }) => target },
    { header: 'Minutes before', value: ({ horizonMinutes }) => horizonMinutes },
    { header: 'Moments above 80 %', value: ({ moments }) => moments },
    { header: 'Announced (%)', value: (row) => percent(row.announcedRatio), digits: 1 },
    { header: 'False alarms (%)', value: (row) => percent(row.falseAlarmRatio), digits: 1 },
    {
      header: 'Last value: announced (%)',
      value: ({ lastValue }) => percent(lastValue.announcedRatio),
      digits: 1,
    },
    {
      header: 'Last value: false alarms (%)',
      value: ({ lastValue }) => percent(lastValue.falseAlarmRatio),
      digits: 1,
    },
  ];
  return join([
    paragraph(
      'Announced by the quantile that training chose on its calibration rows for at most 20 % false alarms; false alarms are a share of the announcements.',
    ),
    renderTable(columns, announcements),
  ]);
}
