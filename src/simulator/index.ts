export type {
  FutureKnowledge,
  NodeLoadRecord,
  ObjectiveParts,
  PlacementPolicy,
  PolicyContext,
  PolicyFactory,
  SimulationResult,
} from './types.ts';
