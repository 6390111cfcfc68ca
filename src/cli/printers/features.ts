import type { FeatureDefinition } from '#features';
import { renderTable } from '../table.ts';

interface FeatureList {
  readonly view: string;
  readonly entity: string;
  readonly schemaVersion: string;
  readonly count: number;
  readonly features: readonly FeatureDefinition[];
  readonly views: readonly { readonly name: string; readonly count: number; readonly description: string }[];
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
  const others = list.views.filter(({ name }) => name !== list.view).map(({ name }) => name);
  return `${table}\n${list.count} features of view ${list.view} (a ${list.entity}), schema ${list.schemaVersion}\nother views (--view): ${others.join(', ')}\n`;
}
