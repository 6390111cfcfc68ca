import { nearestName } from '#kernel/nearest-name';

import { FEATURE_CATALOGUE } from './catalogue.ts';
import { setUnknown } from './errors.ts';

/**
 * Reads a set of the forecast's features: names of groups and features and `all`, separated by commas; a `-` in front
 * takes out. Read from left to right: `all,-seasonal,yesterday_30m`.
 *
 * @returns Columns of the forecast's row, ascending; at least one.
 * @throws MlschedError `MLS_FEATURES_SET` for a name that is none, or an empty set.
 */
export function parseFeatureSet(text: string): number[] {
  const chosen = new Set<number>();
  for (const part of text.split(',').map((one) => one.trim())) {
    const isTaken = !part.startsWith('-');
    for (const column of columnsOf(isTaken ? part : part.slice(1))) {
      if (isTaken) chosen.add(column);
      else chosen.delete(column);
    }
  }
  if (chosen.size === 0) throw setUnknown(text, 'it names no feature', '');
  return [...chosen].sort((a, b) => a - b);
}

function columnsOf(name: string): number[] {
  const columns = [...FEATURE_CATALOGUE.entries()]
    .filter(([, feature]) => name === 'all' || feature.group === name || feature.name === name)
    .map(([column]) => column);
  if (columns.length > 0) return columns;
  const groups = new Set<string>(FEATURE_CATALOGUE.map(({ group }) => group));
  const nearest = nearestName(name, [...groups, ...FEATURE_CATALOGUE.map((feature) => feature.name), 'all']);
  throw setUnknown(name, 'it is neither a group nor a feature of the forecast', nearest);
}
