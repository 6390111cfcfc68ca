import { z } from 'zod';
import { readJson, writeJson } from '#platform/files';

/** Upper ends of the ages at which young pods are measured, seconds; older than the last counts as ramped up. */
export const RAMP_AGES_SECONDS = [30, 60, 120, 300, 600, 1200] as const;

const Unknowable = z.number().nullable();

/** Use as a ratio of the request (of 100 m or 200 MiB where none is set, as stock scores); null = unknown. */
const Use = z.object({
  samples: z.number(),
  meanRatio: Unknowable,
  sdRatio: Unknowable,
  p50Ratio: Unknowable,
  p90Ratio: Unknowable,
  p95Ratio: Unknowable,
  p99Ratio: Unknowable,
  maxRatio: Unknowable,
});

/** Use of pods of each age of `RAMP_AGES_SECONDS`, as a ratio of the same pods' ramped-up use. */
const Ramp = z.object({
  /** Pods that were seen both young and ramped up. */
  pods: z.number(),
  cpuRatio: z.array(Unknowable),
  memoryRatio: z.array(Unknowable),
});

const Life = z.object({
  finishedPods: z.number(),
  runningPods: z.number(),
  /** Time lived by all pods over pods that ended: right also while most still run. Null = none ended. */
  meanSeconds: Unknowable,
  /** Kaplan-Meier; null where less than half have ended. */
  medianSeconds: Unknowable,
});

const Profile = z.object({
  /** Pods whose use was seen; of a group, workloads. */
  members: z.number(),
  cpuRequestMillicores: Unknowable,
  memoryRequestBytes: Unknowable,
  cpu: Use,
  memory: Use,
  ramp: Ramp,
  life: Life,
});

const ProfileFile = z.object({
  schemaVersion: z.literal(1),
  createdAtMs: z.number(),
  /** Span whose use was read. */
  startMs: z.number(),
  endMs: z.number(),
  stepSeconds: z.number(),
  /** Pods whose use could not be put down to a workload: no fact names them. */
  unknownPods: z.number(),
  cluster: Profile,
  /** By kind of owner: `Deployment`. */
  kinds: z.record(z.string(), Profile),
  /** By `namespace/kind/name`. */
  workloads: z.record(z.string(), Profile),
});

export type UseProfile = Readonly<z.infer<typeof Use>>;
export type RampProfile = Readonly<z.infer<typeof Ramp>>;
export type LifeProfile = Readonly<z.infer<typeof Life>>;
/** What pods of a workload, or workloads of a group, really use, how they begin and how long they live. */
export type WorkloadProfile = Readonly<z.infer<typeof Profile>>;
/** The profiles of a cluster, as they are stored. */
export type WorkloadProfiles = Readonly<z.infer<typeof ProfileFile>>;

/**
 * Reads stored profiles.
 *
 * @throws MlschedError `MLS_FILES_MISSING`, `MLS_FILES_BAD_JSON` naming the field.
 */
export function readWorkloadProfiles(path: string): Promise<WorkloadProfiles> {
  return readJson(path, ProfileFile);
}

/** Stores profiles, whole or not at all. */
export function writeWorkloadProfiles(path: string, profiles: WorkloadProfiles): Promise<void> {
  return writeJson(path, profiles);
}
