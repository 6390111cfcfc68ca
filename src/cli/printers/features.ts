import type { FeatureDefinition } from '#features';
import { renderTable } from '../table.ts';

interface FeatureList {
  readonly schemaVersion: string;
  readonly count: number;
  readonly features: readonly FeatureDefinition[];
}

export function printFeatures(list: FeatureList): string {
  const table = renderTable(
    [
      { header: 'FEATURE', value: (feature) => feature.name },
      { header: 'GROUP', value: (feature) => feature.group },
      { header: 'UNIT', value: (feature) => feature.unit },
      { header: 'LOOKS BACK (S)', value: (feature) => feature.windowSeconds },
      { header: 'MEANING', value: (feature) => feature.description },
    ],
    list.features,
  );
  return `${table}\n${list.count} features, schema ${list.schemaVersion}\n`;
}
