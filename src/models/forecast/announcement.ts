/** Load above which a machine counts as hot, 0..1 of capacity. */
export const HOT_RATIO = 0.8;

/** Forecasts and truth of some rows, 0..1. */
interface JudgedBands {
  readonly low05: ArrayLike<number>;
  readonly median: ArrayLike<number>;
  readonly high95: ArrayLike<number>;
  readonly actual: ArrayLike<number>;
}

/**
 * Where a level lies in a band: -1 at the lower end, 0 at the median, 1 at the upper end, linear between and beyond.
 *
 * @remarks "Announced by the quantile at position p" is `bandPosition(band, HOT_RATIO) <= p`.
 */
export function bandPosition(band: { low05: number; median: number; high95: number }, level: number): number {
  const { low05, median, high95 } = band;
  const side = level >= median ? high95 - median : median - low05;
  return (level - median) / Math.max(1e-6, side);
}

/** How well hot moments were announced. */
export interface AnnouncementScore {
  /** Moments above `HOT_RATIO`. */
  readonly moments: number;
  readonly announced: number;
  readonly falseAlarms: number;
}

/** Most false alarms among the announcements that an operator is asked to bear. */
const FALSE_ALARM_LIMIT = 0.2;
/** Fewer hot moments than this choose nothing. */
const FEWEST_MOMENTS = 20;
const POSITIONS = Array.from({ length: 61 }, (_, i) => -1.5 + i * 0.05);

/**
 * Chooses the announcing position on calibration rows: the most hot moments announced with at most 20 % false alarms
 * among the announcements.
 *
 * @returns 0, the median, with fewer than 20 hot moments or where no position stays below the limit.
 */
export function chooseAnnouncePosition(rows: JudgedBands): number {
  const positions = Float64Array.from(rows.actual, (_, i) =>
    bandPosition(
      {
        low05: rows.low05[i] as number,
        median: rows.median[i] as number,
        high95: rows.high95[i] as number,
      },
      HOT_RATIO,
    ),
  );
  let best = { position: 0, announced: -1 };
  for (const position of POSITIONS) {
    const score = scoreAnnouncements(rows.actual, (i) => (positions[i] as number) <= position);
    if (score.moments < FEWEST_MOMENTS) return 0;
    const raised = score.announced + score.falseAlarms;
    const isQuiet = score.falseAlarms <= FALSE_ALARM_LIMIT * raised;
    if (raised > 0 && isQuiet && score.announced > best.announced) {
      best = { position, announced: score.announced };
    }
  }
  return best.position;
}

/** Counts hot moments, those announced, and announcements without one. */
export function scoreAnnouncements(
  actual: ArrayLike<number>,
  isAnnounced: (row: number) => boolean,
): AnnouncementScore {
  let moments = 0;
  let announced = 0;
  let falseAlarms = 0;
  for (let i = 0; i < actual.length; i++) {
    const isHot = (actual[i] as number) > HOT_RATIO;
    if (isHot) moments++;
    if (!isAnnounced(i)) continue;
    if (isHot) announced++;
    else falseAlarms++;
  }
  return { moments, announced, falseAlarms };
}
