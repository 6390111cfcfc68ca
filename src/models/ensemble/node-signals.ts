import type { ClusterView, ModelArtefact } from '#domain';
import { unknownSignals } from '#models/placement';
import type { NodeSignals } from '#models/placement';

/** What the forecast and health models say, renewed once a tick. */
export interface SignalSource {
  /** Renews the signals from the view; the result is owned by the source and valid until the next call. */
  refresh(view: ClusterView): NodeSignals;
}

/** Signals of a cluster for which there are no other models: everything is unknown. */
export function createUnknownSignals(): SignalSource {
  let signals = unknownSignals(0);
  return {
    refresh(view) {
      if (signals.health.length !== view.nodeCount) signals = unknownSignals(view.nodeCount);
      return signals;
    },
  };
}

/** Makes the source from the models there are; a missing model leaves its signals unknown. */
export function createSignalSource(_artefacts: ReadonlyMap<string, ModelArtefact>): SignalSource {
  return createUnknownSignals();
}
