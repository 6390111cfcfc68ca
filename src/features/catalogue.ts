import { hashText } from '#kernel/rng';

import type { FeatureDefinition, FeatureGroup } from './definition.ts';
import { calendarGroup } from './groups/calendar.ts';
import { characterGroup } from './groups/character.ts';
import { companionGroup, peersGroup } from './groups/companion.ts';
import { lagGroup, recentGroup } from './groups/recent.ts';
import { rollingGroup } from './groups/rolling.ts';
import { seasonalGroup } from './groups/seasonal.ts';
import { spikeGroup } from './groups/spike.ts';

/** All groups in the order of their columns. */
export const FEATURE_GROUPS: readonly FeatureGroup[] = [
  recentGroup,
  lagGroup,
  rollingGroup,
  seasonalGroup,
  characterGroup,
  spikeGroup,
  calendarGroup,
  companionGroup,
  peersGroup,
];

/** Every feature, in the order of the columns of a feature row. */
export const FEATURE_CATALOGUE: readonly FeatureDefinition[] = FEATURE_GROUPS.flatMap(
  ({ definitions }) => definitions,
);

/** Columns of a feature row. */
export const FEATURE_COUNT = FEATURE_CATALOGUE.length;

/** Raise when the meaning of a feature changes and its words do not. */
const CODE_REVISION = 1;

/**
 * Version of the meaning of a feature row: a hash of the whole catalogue. A model refuses rows of another
 * version.
 */
export const FEATURE_SCHEMA_VERSION = `features-${hashText(JSON.stringify([CODE_REVISION, FEATURE_CATALOGUE]))
  .toString(16)
  .padStart(8, '0')}`;
