import { DAY_SECONDS, describe, HOUR_SECONDS, MINUTE_SECONDS, type FeatureGroup } from '../definition.ts';
import { FINE_PER_COARSE, fineMean, relative } from '../origin-view.ts';

const level = describe('companion', 'ratio');
const distance = describe('companion', 'deviations');
const LAGS = [1, 3, 12] as const;

/** The other resource of the same machine; all unknown where it is not measured. */
export const companionGroup: FeatureGroup = {
  definitions: [
    level('other_last_value', 5 * MINUTE_SECONDS, 'Other resource: mean of the last 5 min'),
    level('other_deviation', DAY_SECONDS, 'Other resource: mean absolute 5-min step of the last day'),
    distance('other_minute_0', MINUTE_SECONDS, 'Other resource: last minute, in its own deviations'),
    distance('other_minute_1', 2 * MINUTE_SECONDS, 'Other resource: the minute before'),
    ...LAGS.map((lag) =>
      distance(
        `other_lag_${lag * 5}m`,
        (lag + 1) * 5 * MINUTE_SECONDS,
        `Other resource: 5-min mean ${lag * 5} min ago`,
      ),
    ),
    distance('other_mean_1h', HOUR_SECONDS, 'Other resource: mean of the last hour'),
  ],
  write({ other }, out, at) {
    let next = at;
    out[next++] = other.anchor;
    out[next++] = Number.isNaN(other.anchor) ? Number.NaN : other.deviation;
    out[next++] = relative(other, fineMean(other, 0, 2));
    out[next++] = relative(other, fineMean(other, 2, 4));
    for (const lag of LAGS) {
      out[next++] = relative(other, fineMean(other, lag * FINE_PER_COARSE, (lag + 1) * FINE_PER_COARSE));
    }
    out[next++] = relative(other, fineMean(other, 0, 12 * FINE_PER_COARSE));
  },
};

const peerLevel = describe('peers', 'ratio');
const peerDistance = describe('peers', 'deviations');

/** The other machines of the cluster at the same moment; all unknown for a machine by itself. */
export const peersGroup: FeatureGroup = {
  definitions: [
    peerLevel('peers_last', 5 * MINUTE_SECONDS, 'Mean of the last 5 min over the other machines'),
    peerDistance(
      'peers_change_15m',
      20 * MINUTE_SECONDS,
      'Change of that mean over 15 min, in deviations of this machine',
    ),
  ],
  write({ own, peers }, out, at) {
    out[at] = peers.lastRatio;
    out[at + 1] = peers.change15Ratio / own.deviation;
  },
};
