import { DAY_SECONDS, describe, HOUR_SECONDS } from './definition.ts';

const WEEK_SECONDS = 7 * DAY_SECONDS;
/** 1970-01-01 was a Thursday; shifts the week so that it begins on Monday. */
const EPOCH_DAY_OF_WEEK = 3;
const FIRST_WEEKEND_DAY = 5;
const CYCLES = [
  { name: 'hour', seconds: HOUR_SECONDS },
  { name: 'day', seconds: DAY_SECONDS },
  { name: 'week', seconds: WEEK_SECONDS },
] as const;

const cycle = describe('calendar', 'cycle');
const flag = describe('calendar', 'flag');

/** The clock, in UTC, of rows that are not the forecast's. */
export const clockDefinitions = [
  ...CYCLES.flatMap(({ name }) => [
    cycle(`${name}_sin`, 0, `Sine of the place in the ${name}`),
    cycle(`${name}_cos`, 0, `Cosine of the place in the ${name}`),
  ]),
  flag('is_weekend', 0, '1 on Saturday and Sunday'),
];
export const CLOCK_COUNT = clockDefinitions.length;

export function writeClock(originMs: number, out: Float32Array, at: number): void {
  const seconds = originMs / 1000 + EPOCH_DAY_OF_WEEK * DAY_SECONDS;
  let next = at;
  for (const { seconds: length } of CYCLES) {
    const angle = (2 * Math.PI * (seconds % length)) / length;
    out[next++] = Math.sin(angle);
    out[next++] = Math.cos(angle);
  }
  out[next] = Math.floor((seconds % WEEK_SECONDS) / DAY_SECONDS) >= FIRST_WEEKEND_DAY ? 1 : 0;
}
