import { HORIZON_MINUTES, type HorizonMinutes, type LoadTarget } from '#domain';

import type { JudgedRow } from './forecast-score.ts';

/** Forecasts of the report: those of the result table and the same time last week. */
export const DETAIL_MODELS = ['mlsched', 'last-value', 'seasonal-naive', 'hour-mean', 'last-week'] as const;

/** Errors by some grouping: 1 - sum of errors / sum of load for each of `DETAIL_MODELS`. */
export interface DetailGroup {
  readonly name: string;
  readonly accuracies: readonly number[];
  /** Mean absolute error in shares of capacity. */
  readonly errors: readonly number[];
  readonly coverage90Ratio: number;
  readonly points: number;
}

/** Where one resource's forecast errs. */
export interface ForecastDetail {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  readonly all: DetailGroup;
  readonly machines: readonly DetailGroup[];
  /** By hour of the day, UTC, of the moment that is forecast. */
  readonly hours: readonly DetailGroup[];
  /** The 5 % of the moments with the highest load. */
  readonly topLoad: DetailGroup;
  /** Share of the truth below each end and the median: 5 %, 50 % and 95 % when the quantiles are right. */
  readonly calibration: { readonly below05: number; readonly below50: number; readonly below95: number };
}

interface Sums {
  readonly errors: Float64Array;
  actual: number;
  covered: number;
  points: number;
}

const TOP_SHARE = 0.05;
const HOUR_MS = 3_600_000;

/** Keeps the judged rows of one resource and horizon and groups them. */
export class DetailBoard {
  private readonly rows: JudgedRow[] = [];
  private readonly target: LoadTarget;
  private readonly horizonMinutes: HorizonMinutes;

  constructor(target: LoadTarget, horizonMinutes: HorizonMinutes) {
    this.target = target;
    this.horizonMinutes = horizonMinutes;
  }

  add(row: JudgedRow): void {
    this.rows.push(row);
  }

  /** Undefined when no row was added. */
  result(): ForecastDetail | undefined {
    const { rows, target, horizonMinutes } = this;
    if (rows.length === 0) return undefined;
    const truthHour = (row: JudgedRow): number =>
      Math.floor((row.originMs + horizonMinutes * 60_000) / HOUR_MS) % 24;
    const byLoad = rows.toSorted((a, b) => b.actual - a.actual);
    const below = (of: (row: JudgedRow) => number): number =>
      rows.filter((row) => row.actual < of(row)).length / rows.length;
    return {
      target,
      horizonMinutes,
      all: summarise('all', rows),
      machines: groups(rows, (row) => row.machine),
      hours: groups(rows, (row) => String(truthHour(row)).padStart(2, '0')),
      topLoad: summarise('top 5 %', byLoad.slice(0, Math.ceil(rows.length * TOP_SHARE))),
      calibration: {
        below05: below(({ low05 }) => low05),
        below50: below(({ forecasts }) => forecasts[0] as number),
        below95: below(({ high95 }) => high95),
      },
    };
  }
}

function groups(rows: readonly JudgedRow[], nameOf: (row: JudgedRow) => string): DetailGroup[] {
  const found = Map.groupBy(rows, nameOf);
  return [...found.keys()].sort().map((name) => summarise(name, found.get(name) ?? []));
}

function summarise(name: string, rows: readonly JudgedRow[]): DetailGroup {
  const sums: Sums = { errors: new Float64Array(DETAIL_MODELS.length), actual: 0, covered: 0, points: 0 };
  for (const row of rows) {
    for (const [model, forecast] of [...row.forecasts, row.lastWeek].entries()) {
      sums.errors[model] = (sums.errors[model] as number) + Math.abs(forecast - row.actual);
    }
    sums.actual += row.actual;
    sums.points += 1;
    if (row.actual >= row.low05 - 1e-7 && row.actual <= row.high95 + 1e-7) sums.covered += 1;
  }
  return {
    name,
    accuracies: Array.from(sums.errors, (error) => 1 - error / sums.actual),
    errors: Array.from(sums.errors, (error) => error / sums.points),
    coverage90Ratio: sums.covered / sums.points,
    points: sums.points,
  };
}

/** Boards of one resource, in the order of `HORIZON_MINUTES`. */
export function createDetailBoards(target: LoadTarget): DetailBoard[] {
  return HORIZON_MINUTES.map((minutes) => new DetailBoard(target, minutes));
}
