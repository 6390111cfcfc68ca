/** The models of the product, by the names under which they are stored and served. */
export const MODEL_NAMES = ['load-forecast', 'placement', 'node-anomaly'] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

/**
 * A trained model as plain bytes. Models build and read artefacts without touching a disk; the registry
 * stores, hashes and verifies them.
 */
export interface ModelArtefact {
  readonly model: ModelName;
  /** Version of the meaning of the files and of the features they expect; a reader refuses any other. */
  readonly schemaVersion: string;
  /** File name -> content. Names are flat: letters, digits, dot, dash. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}
