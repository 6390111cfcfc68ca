/** What is generated from the feature catalogue: a reference page, a JSON schema, and Feast's feature repository. */
import { ENTITY_KEYS, FEATURE_VIEWS, UNIT_RANGES } from '../src/features/index.ts';
import type { FeatureDefinition, FeatureEntity, FeatureView } from '../src/features/index.ts';

/** docs/reference/features.md, without its first line. */
export function renderFeaturePage(): string {
  const total = new Set(FEATURE_VIEWS.flatMap(({ features }) => features.map((one) => one))).size;
  return [
    '# Features',
    `${total} features in ${FEATURE_VIEWS.length} views. A view is one kind of feature row: who it is about, its columns, and a version that changes with their meaning. The same code computes a view offline and online. Unknown is NaN in memory, null in Parquet and in Feast, and never 0. The same catalogue writes [features.schema.json](features.schema.json) and Feast's repository in \`deploy/feast\`.`,
    table(
      ['view', 'entity', 'keys', 'features', 'every (s)', 'stale after (s)', 'version', 'what it is'],
      FEATURE_VIEWS.map((view) => [
        `\`${view.name}\``,
        view.entity,
        ENTITY_KEYS[view.entity].map((key) => `\`${key}\``).join(', '),
        String(view.features.length),
        String(view.stepSeconds),
        String(view.ttlSeconds),
        `\`${view.version}\``,
        view.description,
      ]),
    ),
    '## Units',
    table(
      ['unit', 'values'],
      Object.entries(UNIT_RANGES).map(([unit, [low, high]]) => [unit, rangeText(low, high)]),
    ),
    ...FEATURE_VIEWS.filter((view) => view.name !== 'node_load_memory').flatMap(renderView),
  ].join('\n\n');
}

function renderView(view: FeatureView): string[] {
  const title = view.name === 'node_load_cpu' ? 'node_load_cpu, node_load_memory' : view.name;
  const row = ({ name, group, unit, windowSeconds, description }: FeatureDefinition): string[] => [
    `\`${name}\``,
    group,
    unit,
    String(windowSeconds),
    description,
  ];
  return [
    `## ${title}`,
    `${view.features.length} features of a ${view.entity}. ${view.description}.`,
    table(['feature', 'group', 'unit', 'looks back (s)', 'meaning'], view.features.map(row)),
  ];
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

function rangeText(low: number, high: number): string {
  if (low === -Infinity) return 'any number';
  return high === Infinity ? `${low} or more` : `${low} to ${high}`;
}

/** docs/reference/features.schema.json: one definition a view, of a row as JSON. */
export function renderFeatureSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'mlsched feature rows',
    description:
      'Written by `make fix` from the feature catalogue. A row is one entity at one moment; null is unknown.',
    oneOf: FEATURE_VIEWS.map(({ name }) => ({ $ref: `#/$defs/${name}` })),
    $defs: Object.fromEntries(FEATURE_VIEWS.map((view) => [view.name, rowSchema(view)])),
  };
  return JSON.stringify(schema, null, 2);
}

function rowSchema(view: FeatureView): object {
  const keys = ENTITY_KEYS[view.entity];
  return {
    type: 'object',
    description: view.description,
    properties: {
      view: { const: view.name },
      version: { const: view.version },
      ...Object.fromEntries(keys.map((key) => [key, { type: 'string', minLength: 1 }])),
      event_timestamp: { type: 'string', format: 'date-time' },
      features: {
        type: 'object',
        properties: Object.fromEntries(view.features.map((feature) => [feature.name, valueSchema(feature)])),
        required: view.features.map(({ name }) => name),
        additionalProperties: false,
      },
    },
    required: ['view', 'version', ...keys, 'event_timestamp', 'features'],
  };
}

function valueSchema({ unit, description }: FeatureDefinition): object {
  const [low, high] = UNIT_RANGES[unit];
  return {
    type: ['number', 'null'],
    ...(low === -Infinity ? {} : { minimum: low }),
    ...(high === Infinity ? {} : { maximum: high }),
    description: `${description} (${unit})`,
  };
}

/** deploy/feast/features.py: entities, sources and views for `feast apply`. */
export function renderFeastRepository(): string {
  const entities = [...new Set(FEATURE_VIEWS.map(({ entity }) => entity))];
  return [
    '"""Feast definitions of the feature views. Written by `make fix` from the feature catalogue. Do not edit."""',
    '',
    'import os',
    'from datetime import timedelta',
    '',
    'from feast import Entity, FeatureService, FeatureView, Field, FileSource, PushSource',
    'from feast.types import Float32, String',
    'from feast.value_type import ValueType',
    '',
    '# Folder that `mlsched features build --out` wrote.',
    'DATA = os.environ.get("MLSCHED_FEATURE_DATA", "data")',
    '',
    ...entities.flatMap(renderEntity),
    '',
    'def source_of(view):',
    '    """What was built offline; `push_source_of` takes in what comes live."""',
    '    return FileSource(name=f"{view}_files", path=os.path.join(DATA, view), timestamp_field="event_timestamp")',
    '',
    ...FEATURE_VIEWS.flatMap(renderFeastView),
    '',
    `everything = FeatureService(name="everything", features=[${FEATURE_VIEWS.map(({ name }) => name).join(', ')}])`,
    '',
  ].join('\n');
}

function renderEntity(entity: FeatureEntity): string[] {
  return ENTITY_KEYS[entity].map(
    (key) => `${key} = Entity(name="${key}", join_keys=["${key}"], value_type=ValueType.STRING)`,
  );
}

function renderFeastView(view: FeatureView): string[] {
  const keys = ENTITY_KEYS[view.entity];
  const text = (value: string): string => JSON.stringify(value);
  return [
    '',
    `${view.name} = FeatureView(`,
    `    name=${text(view.name)},`,
    `    description=${text(view.description)},`,
    `    entities=[${keys.join(', ')}],`,
    `    ttl=timedelta(seconds=${view.ttlSeconds}),`,
    '    schema=[',
    ...keys.map((key) => `        Field(name=${text(key)}, dtype=String),`),
    ...view.features.map(
      ({ name, description, unit }) =>
        `        Field(name=${text(name)}, dtype=Float32, description=${text(description)}, tags={"unit": ${text(unit)}}),`,
    ),
    '    ],',
    `    source=PushSource(name=${text(`${view.name}_push`)}, batch_source=source_of(${text(view.name)})),`,
    '    online=True,',
    `    tags={"version": ${text(view.version)}},`,
    ')',
  ];
}
