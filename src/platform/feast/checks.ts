import { nearestName } from '#kernel/nearest-name';
import { shapeWrong, unknownFeature } from './errors.ts';
import type { OnlineRows, OnlineView, ReadRequest, RowState, WriteRequest } from './types.ts';

/** Names of the features that a request wants. */
export function wantedFeatures({ view, features, entities }: ReadRequest): readonly string[] {
  for (const feature of features ?? []) {
    if (!view.features.includes(feature))
      throw unknownFeature(view.name, feature, nearestName(feature, view.features));
  }
  for (const entity of entities) checkEntity(view, entity);
  return features ?? view.features;
}

export function checkWrite({ view, entities, eventMs, values }: WriteRequest): void {
  const wanted = entities.length * view.features.length;
  if (values.length !== wanted) throw shapeWrong(`values of ${view.name}`, wanted, values.length);
  if (eventMs.length !== entities.length) throw shapeWrong('event times', entities.length, eventMs.length);
  for (const entity of entities) checkEntity(view, entity);
}

function checkEntity({ name, joinKeys }: OnlineView, entity: readonly string[]): void {
  if (entity.length !== joinKeys.length) throw shapeWrong(`keys of ${name}`, joinKeys.length, entity.length);
}

/** Judges freshness and makes whole rows unknown that are stale or missing. */
export function judgeRows(
  { view, nowMs }: ReadRequest,
  values: Float64Array,
  eventMs: Float64Array,
): OnlineRows {
  const width = eventMs.length === 0 ? 0 : values.length / eventMs.length;
  const states = Array.from(eventMs, (timeMs, row): RowState => {
    const isFresh = nowMs - timeMs <= view.ttlSeconds * 1000;
    if (!isFresh) values.fill(Number.NaN, row * width, (row + 1) * width);
    if (Number.isNaN(timeMs)) return 'missing';
    return isFresh ? 'fresh' : 'stale';
  });
  return { values, eventMs, states };
}
