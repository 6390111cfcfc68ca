import type { LoadRing, ModelArtefact } from '#domain';

/** To the worker that runs the forecast and health models. */
export type ToSignalWorker =
  | { readonly kind: 'nodes'; readonly names: readonly string[]; readonly history: LoadRing }
  | {
      readonly kind: 'tick';
      readonly tick: number;
      readonly nowMs: number;
      readonly scrapedAtMs: Float64Array;
      readonly cpuRatio: Float64Array;
      readonly memoryRatio: Float64Array;
    };

/** What the worker starts with. */
export interface SignalWorkerData {
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
}

/** From the worker: what the models say of the nodes last named, in their order. */
export type FromSignalWorker =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'signals';
      readonly tick: number;
      readonly names: readonly string[];
      readonly cpuForecastRatio: Float32Array;
      readonly memoryForecastRatio: Float32Array;
      readonly health: Float64Array;
    };
