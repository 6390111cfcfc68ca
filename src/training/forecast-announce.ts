import type { HorizonMinutes, LoadTarget } from '#domain';
import { bandPosition, HOT_RATIO } from '#models/forecast';

import type { JudgedRow } from './forecast-score.ts';

/** How well moments of high load were announced at one horizon. */
export interface AnnouncementResult {
  readonly target: LoadTarget;
  readonly horizonMinutes: HorizonMinutes;
  /** Load above which a moment counts, 0..1. */
  readonly thresholdRatio: number;
  /** Judged moments above the threshold. */
  readonly moments: number;
  /** Share of them that were announced; null without a moment. */
  readonly announcedRatio: number | null;
  /** Share of the announcements that were followed by none; null without an announcement. */
  readonly falseAlarmRatio: number | null;
  /** The same for announcing by the last value alone. */
  readonly lastValue: { readonly announcedRatio: number | null; readonly falseAlarmRatio: number | null };
}

interface Counts {
  announced: number;
  falseAlarms: number;
}

/** Counts announcements of one resource and horizon, row by row. */
export interface AnnouncementBoard {
  add(row: JudgedRow): void;
  /** Undefined when no row was added. */
  result(): AnnouncementResult | undefined;
}

/**
 * A moment is announced when the threshold lies at or below the quantile that training chose on its calibration rows,
 * `horizonMinutes` before the moment.
 */
export function createAnnouncementBoard(
  target: LoadTarget,
  horizonMinutes: HorizonMinutes,
): AnnouncementBoard {
  let rows = 0;
  let moments = 0;
  const ours: Counts = { announced: 0, falseAlarms: 0 };
  const last: Counts = { announced: 0, falseAlarms: 0 };
  return {
    add(row) {
      const [median = Number.NaN, lastValue = Number.NaN] = row.forecasts;
      const isHot = row.actual > HOT_RATIO;
      const position = bandPosition({ low05: row.low05, median, high95: row.high95 }, HOT_RATIO);
      rows++;
      if (isHot) moments++;
      count(ours, position <= row.announcePosition, isHot);
      count(last, lastValue > HOT_RATIO, isHot);
    },
    result() {
      if (rows === 0) return undefined;
      return {
        target,
        horizonMinutes,
        thresholdRatio: HOT_RATIO,
        moments,
        ...shares(ours, moments),
        lastValue: shares(last, moments),
      };
    },
  };
}

function count(into: Counts, isAnnounced: boolean, isHot: boolean): void {
  if (!isAnnounced) return;
  if (isHot) into.announced++;
  else into.falseAlarms++;
}

function shares({ announced, falseAlarms }: Counts, moments: number) {
  const raised = announced + falseAlarms;
  return {
    announcedRatio: moments === 0 ? null : announced / moments,
    falseAlarmRatio: raised === 0 ? null : falseAlarms / raised,
  };
}
