import { DAY_SECONDS, describe, HOUR_SECONDS, type FeatureGroup } from '../definition.ts';

const WEEK_SECONDS = 7 * DAY_SECONDS;
/** 1970-01-01 was a Thursday; shifts the week so that it begins on Monday. */
const EPOCH_DAY_OF_WEEK = 3;
const CYCLES = [
  { name: 'hour', seconds: HOUR_SECONDS },
  { name: 'six_hours', seconds: 6 * HOUR_SECONDS },
  { name: 'day', seconds: DAY_SECONDS },
  { name: 'week', seconds: WEEK_SECONDS },
] as const;

const cycle = describe('calendar', 'cycle');
const minutes = describe('calendar', 'minutes');
const days = describe('calendar', 'days');

/** The clock, in UTC. Jobs start at full minutes of the hour, people at hours of the day. */
export const calendarGroup: FeatureGroup = {
  definitions: [
    minutes('minute_of_hour', 0, 'Minute of the hour, 0..59.5'),
    minutes('minute_of_day', 0, 'Minute of the day, 0..1439.5'),
    days('day_of_week', 0, 'Day of the week, 0 is Monday'),
    ...CYCLES.flatMap(({ name }) => [
      cycle(`${name}_sin`, 0, `Sine of the place in the ${name.replace('_', ' ')}`),
      cycle(`${name}_cos`, 0, `Cosine of the place in the ${name.replace('_', ' ')}`),
    ]),
  ],
  write(view, out, at) {
    const seconds = view.originMs / 1000 + EPOCH_DAY_OF_WEEK * DAY_SECONDS;
    out[at] = (seconds % HOUR_SECONDS) / 60;
    out[at + 1] = (seconds % DAY_SECONDS) / 60;
    out[at + 2] = Math.floor((seconds % WEEK_SECONDS) / DAY_SECONDS);
    let next = at + 3;
    for (const { seconds: length } of CYCLES) {
      const angle = (2 * Math.PI * (seconds % length)) / length;
      out[next++] = Math.sin(angle);
      out[next++] = Math.cos(angle);
    }
  },
};
