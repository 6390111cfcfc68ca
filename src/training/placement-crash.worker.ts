/**
 * The victim of the training's crash test: `placement-crash.worker.ts OPTIONS`, OPTIONS being JSON of directory, config
 * and seed. Trains on the sample with checkpoints and tells each episode, until it is killed.
 */
import { noProgress } from '#kernel/progress';

import type { PlacementTrainingConfig } from './placement-config.ts';
import { trainPlacement } from './train-placement.ts';

interface VictimOptions {
  readonly directory: string;
  readonly config: PlacementTrainingConfig;
  readonly seed: number;
}

const { directory, config, seed } = JSON.parse(process.argv[2] ?? '') as VictimOptions;
await trainPlacement({
  seed,
  budget: 'demo',
  overrides: config,
  checkpointDirectory: directory,
  progress: { ...noProgress, report: (done) => process.stdout.write(`episode ${done}\n`) },
});
