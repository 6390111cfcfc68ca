import { DAY_SECONDS, describe, type FeatureGroup } from '../definition.ts';
import { DAY_WINDOWS } from '../history.ts';
import { coarseMean, relative, type ResourceView } from '../origin-view.ts';

/** A window is a spike when it lies so many standard deviations above the day's mean. */
const SPIKE_SDS = 2;

const age = describe('spike', 'minutes');
const distance = describe('spike', 'deviations');
const count = describe('spike', 'count');

/** Bursts of the last day: backups, cron jobs, batch runs. */
export const spikeGroup: FeatureGroup = {
  definitions: [
    age(
      'since_spike',
      DAY_SECONDS,
      'Minutes since the last 5-min mean above the day mean + 2 sd; unknown without one',
    ),
    distance('last_spike_height', DAY_SECONDS, 'Height of that spike'),
    count('spikes_1d', DAY_SECONDS, 'Number of spikes that began in the last day'),
    age('spike_spacing', DAY_SECONDS, 'Minutes between the beginnings of the last two spikes'),
    age('since_low', DAY_SECONDS, 'Minutes since the last 5-min mean below the day mean - 1 sd'),
  ],
  write(view, out, at) {
    const { own } = view;
    const { mean, sd } = dayMoments(own);
    const high = mean + SPIKE_SDS * sd;
    const spikes = findSpikes(own, high);
    out[at] = spikes.sinceWindows * 5;
    out[at + 1] = relative(own, spikes.height);
    out[at + 2] = spikes.count;
    out[at + 3] = spikes.spacingWindows * 5;
    out[at + 4] = firstBack(own, (value) => value < mean - sd) * 5;
  },
};

function dayMoments(view: ResourceView): { mean: number; sd: number } {
  let sum = 0;
  let squares = 0;
  let known = 0;
  for (let lag = 0; lag < DAY_WINDOWS; lag++) {
    const value = coarseMean(view, lag) - view.anchor;
    if (Number.isNaN(value)) continue;
    sum += value;
    squares += value * value;
    known++;
  }
  const mean = sum / known;
  return { mean: mean + view.anchor, sd: Math.sqrt(Math.max(0, squares / known - mean * mean)) };
}

interface Spikes {
  readonly sinceWindows: number;
  readonly height: number;
  readonly count: number;
  readonly spacingWindows: number;
}

function findSpikes(view: ResourceView, threshold: number): Spikes {
  let since = Number.NaN;
  let height = Number.NaN;
  let beginnings = 0;
  let lastBeginning = Number.NaN;
  let spacing = Number.NaN;
  for (let lag = 0; lag < DAY_WINDOWS; lag++) {
    const value = coarseMean(view, lag);
    if (!(value > threshold)) continue;
    if (Number.isNaN(since)) since = lag;
    if (beginnings === 0 && !(value <= height)) height = value;
    if (coarseMean(view, lag + 1) > threshold) continue;
    beginnings++;
    if (beginnings === 2) spacing = lag - lastBeginning;
    if (beginnings === 1) lastBeginning = lag;
  }
  return { sinceWindows: since, height, count: beginnings, spacingWindows: spacing };
}

function firstBack(view: ResourceView, isWanted: (value: number) => boolean): number {
  for (let lag = 0; lag < DAY_WINDOWS; lag++) if (isWanted(coarseMean(view, lag))) return lag;
  return Number.NaN;
}
