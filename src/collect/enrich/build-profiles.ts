import { join } from 'node:path';
import type { Clock } from '#kernel/clock';
import { noProgress } from '#kernel/progress';
import type { Progress } from '#kernel/progress';
import { HOUR_MS } from '#kernel/units';
import type { PrometheusReader } from '#platform/prometheus';
import { noFacts } from '../errors.ts';
import { readPodUsage } from '../pod-usage.ts';
import { readWorkloadFacts } from './fact-files.ts';
import { createProfileBuilder } from './profile-builder.ts';
import type { WorkloadProfiles } from './workload-profile.ts';
import { writeWorkloadProfiles } from './workload-profile.ts';

export interface BuildProfilesOptions {
  readonly reader: PrometheusReader;
  /** Folder of the store that holds the facts; the profiles are written there too. */
  readonly directory: string;
  readonly clock: Clock;
  readonly startMs: number;
  readonly endMs: number;
  /** Default 30. */
  readonly stepSeconds?: number;
  readonly progress?: Progress;
}

const DEFAULT_STEP_SECONDS = 30;
/** A span is read in pieces, so that 10,000 pods take some 40 MB at once, however long it is. */
const PIECE_MS = 2 * HOUR_MS;

export function profilesPath(directory: string): string {
  return join(directory, 'workloads', 'profiles.json');
}

/**
 * Learns what the pods of each workload use, from the facts of a store and the kubelets' metrics in a Prometheus, and
 * stores it as `workloads/profiles.json`.
 *
 * @throws MlschedError `MLS_COLLECT_NO_FACTS`, `MLS_PROMETHEUS_*`, `MLS_FILES_*`; the stored profiles are then as before.
 */
export async function buildWorkloadProfiles(options: BuildProfilesOptions): Promise<WorkloadProfiles> {
  const { reader, directory, startMs, endMs, stepSeconds = DEFAULT_STEP_SECONDS } = options;
  const progress = options.progress ?? noProgress;
  const facts = await readWorkloadFacts(directory, { startMs, endMs });
  if (facts.length === 0) throw noFacts(directory);
  const builder = createProfileBuilder(facts, { startMs, endMs, stepSeconds });
  for (let fromMs = startMs; fromMs < endMs; fromMs += PIECE_MS) {
    progress.report(fromMs - startMs, endMs - startMs, 'use of pods');
    const piece = { startMs: fromMs, endMs: Math.min(endMs, fromMs + PIECE_MS), stepSeconds };
    for (const pod of await readPodUsage(reader, piece)) builder.add(pod);
  }
  progress.report(1, 1, 'use of pods');
  const profiles = builder.finish(options.clock.nowMs());
  await writeWorkloadProfiles(profilesPath(directory), profiles);
  return profiles;
}
