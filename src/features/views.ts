import { LOAD_TARGETS } from '#domain';
import { hashText } from '#kernel/rng';

import { FEATURE_CATALOGUE, FEATURE_SCHEMA_VERSION } from './catalogue.ts';
import { CLUSTER_CATALOGUE } from './cluster.ts';
import {
  DAY_SECONDS,
  HOUR_SECONDS,
  MINUTE_SECONDS,
  type FeatureDefinition,
  type FeatureUnit,
} from './definition.ts';
import { NODE_STATE_CATALOGUE } from './node-state/catalogue.ts';
import { WORKLOAD_CATALOGUE } from './workload.ts';

/** What a feature row is about. */
export type FeatureEntity = 'node' | 'workload' | 'cluster';

/** Columns that name one entity; all are text. */
export const ENTITY_KEYS = {
  node: ['node'],
  workload: ['namespace', 'owner_kind', 'owner_name'],
  cluster: ['cluster'],
} as const satisfies Readonly<Record<FeatureEntity, readonly string[]>>;

export type FeatureViewName =
  'node_state' | 'node_load_cpu' | 'node_load_memory' | 'workload_state' | 'cluster_state';

/** One kind of feature row ("feature view" as Feast says): who it is about and what its columns mean. */
export interface FeatureView {
  readonly name: FeatureViewName;
  readonly entity: FeatureEntity;
  readonly description: string;
  /** Version of the meaning of the row: a hash of its columns. Rows of two versions do not mix. */
  readonly version: string;
  /** In the order of the columns. */
  readonly features: readonly FeatureDefinition[];
  /** Distance of two rows of one entity in time. */
  readonly stepSeconds: number;
  /** An online row older than this is stale. */
  readonly ttlSeconds: number;
}

/** Raise when the meaning of a row changes and its words do not. */
const CODE_REVISION = 1;

function versionOf(name: string, features: readonly FeatureDefinition[]): string {
  const hash = hashText(JSON.stringify([CODE_REVISION, name, features]));
  return `${name}-${hash.toString(16).padStart(8, '0')}`;
}

function createView(view: Omit<FeatureView, 'version'>): FeatureView {
  return { ...view, version: versionOf(view.name, view.features) };
}

/** Every feature row there is. The forecast's own row comes once a resource and keeps the version that its models name. */
export const FEATURE_VIEWS: readonly FeatureView[] = [
  createView({
    name: 'node_state',
    entity: 'node',
    description: 'A node as it stands: load over growing windows in plain ratios, and the clock',
    features: NODE_STATE_CATALOGUE,
    stepSeconds: 30,
    ttlSeconds: 5 * MINUTE_SECONDS,
  }),
  ...LOAD_TARGETS.map((target): FeatureView => ({
    name: `node_load_${target}`,
    entity: 'node',
    description: `What the load forecast reads for ${target === 'cpu' ? 'CPU' : 'memory'}, relative to the last value`,
    version: FEATURE_SCHEMA_VERSION,
    features: FEATURE_CATALOGUE,
    stepSeconds: 5 * MINUTE_SECONDS,
    ttlSeconds: 15 * MINUTE_SECONDS,
  })),
  createView({
    name: 'workload_state',
    entity: 'workload',
    description: 'A workload: what it asks for, what it uses, how long its pods live',
    features: WORKLOAD_CATALOGUE,
    stepSeconds: 30,
    ttlSeconds: DAY_SECONDS,
  }),
  createView({
    name: 'cluster_state',
    entity: 'cluster',
    description: 'The whole cluster: level and spread of the load, what is requested, and the clock',
    features: CLUSTER_CATALOGUE,
    stepSeconds: 30,
    ttlSeconds: HOUR_SECONDS,
  }),
];

/** The view of a name. */
export function featureView(name: FeatureViewName): FeatureView {
  return FEATURE_VIEWS.find((view) => view.name === name) as FeatureView;
}

/** Values that a unit allows, ends included; anything outside is a fault of the data or of the code. */
export const UNIT_RANGES: Readonly<Record<FeatureUnit, readonly [low: number, high: number]>> = {
  ratio: [0, 1],
  share: [0, 1],
  flag: [0, 1],
  cycle: [-1, 1],
  correlation: [-1, 1],
  'ratio-change': [-1, 1],
  'ratio-of-request': [0, Infinity],
  deviations: [-Infinity, Infinity],
  'deviations-per-minute': [-Infinity, Infinity],
  minutes: [0, Infinity],
  seconds: [0, Infinity],
  days: [0, Infinity],
  count: [0, Infinity],
  millicores: [0, Infinity],
  mebibytes: [0, Infinity],
  priority: [-Infinity, Infinity],
};
