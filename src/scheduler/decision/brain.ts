import type { ClusterView, ModelArtefact, ModelName } from '#domain';
import type { Clock } from '#kernel/clock';
import type { Log } from '#kernel/log';
import { createEnsemblePolicy, DEFAULT_ENSEMBLE_CONFIG } from '#models/ensemble';
import type { EnsembleConfig, EnsemblePolicy } from '#models/ensemble';
import { openPlacementSession } from '#models/placement';

import { createRemoteSignals } from '../signals/remote-signals.ts';

/** Models with the versions that they are known by. */
export interface ModelSet {
  readonly artefacts: ReadonlyMap<string, ModelArtefact>;
  readonly versions: Readonly<Partial<Record<ModelName, string>>>;
}

/** One set of models at work. */
export interface Brain {
  readonly policy: EnsemblePolicy;
  readonly versions: ModelSet['versions'];
  /** Takes in a round of load: forecasts and health in another thread, then the tables of this one. */
  tick(view: ClusterView): Promise<void>;
  /** Takes in other nodes between two rounds. */
  refreshNodes(view: ClusterView): void;
  /** Whether the newest forecasts and health are as of the last round. */
  readonly areSignalsCurrent: boolean;
  close(): Promise<void>;
}

export interface BrainOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** All candidates up to this many are scored. */
  readonly candidateLimit: number;
  readonly weights?: EnsembleConfig['weights'];
}

/**
 * Loads a set of models. A model that is missing leaves its part unknown.
 *
 * @throws MlschedError for an artefact that cannot be read; nothing is left open then.
 */
export async function openBrain(models: ModelSet, options: BrainOptions): Promise<Brain> {
  const { artefacts, versions } = models;
  const placement = artefacts.get('placement');
  const session = placement === undefined ? undefined : await openPlacementSession(placement);
  const signals = createRemoteSignals({ artefacts, clock: options.clock, log: options.log });
  try {
    const policy = createEnsemblePolicy({
      name: 'mlsched',
      context: { artefacts },
      signals,
      config: {
        ...DEFAULT_ENSEMBLE_CONFIG,
        candidateLimit: options.candidateLimit,
        ...(options.weights === undefined ? {} : { weights: options.weights }),
      },
      ...(session === undefined ? {} : { session }),
    });
    let areSignalsCurrent = false;
    return {
      policy,
      versions,
      get areSignalsCurrent() {
        return areSignalsCurrent;
      },
      async tick(view) {
        areSignalsCurrent = await signals.update(view);
        policy.onScrape?.(view);
      },
      refreshNodes: (view) => policy.onScrape?.(view),
      async close() {
        await signals.close();
        await session?.close();
      },
    };
  } catch (error) {
    await signals.close();
    await session?.close();
    throw error;
  }
}
