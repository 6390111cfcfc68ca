import { hostname } from 'node:os';

import { z } from 'zod';

import { DEFAULT_SCORE_WEIGHTS } from '#domain';
import { parseConfig } from '#kernel/config';
import { DEFAULT_ENSEMBLE_CONFIG } from '#models/ensemble';

import { serviceConfigInvalid } from './errors.ts';
import { DEFAULT_GUARD_LIMITS } from './rollout/guard.ts';

const port = z.int().min(0).max(65_535);
const ratio = z.number().min(0).max(1);
const guard = DEFAULT_GUARD_LIMITS;

/**
 * Configuration of `mlsched serve scheduler`. Every key has a default: an empty file gives a service on loopback that
 * stays in shadow mode.
 */
export const serviceConfigSchema = z.strictObject({
  listen: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Address of the decision service.'),
      port: port.default(8480).describe('0 picks a free one.'),
    })
    .prefault({}),
  probes: z
    .strictObject({ host: z.string().default('127.0.0.1'), port })
    .optional()
    .describe(
      'A second, plain server for /livez, /readyz and /metrics alone, where the first asks for certificates.',
    ),
  tls: z
    .strictObject({
      certificateFile: z.string().describe('PEM; read again when it changes.'),
      keyFile: z.string(),
      clientCaFile: z.string().describe('PEM of the only authorities whose client certificates are taken.'),
      allowedClientNames: z
        .array(z.string())
        .min(1)
        .describe('Subject alternative names (DNS, URI or e-mail) of the schedulers that may call.'),
    })
    .optional(),
  replica: z.string().min(1).default(hostname()).describe('Name of this replica in the journal.'),
  decision: z
    .strictObject({
      budgetMs: z.number().min(5).max(5000).default(150).describe('Longest time for one decision.'),
      minKnownRatio: ratio.default(0.5).describe('Abstain when fewer of the candidates have a fresh load.'),
      scoreGain: z
        .number()
        .min(0.1)
        .max(20)
        .default(2.5)
        .describe(
          'Score = 50 + 100 x gain x (total - mean), the gain reduced where it would exceed 0 or 100.',
        ),
      candidateLimit: z
        .int()
        .min(2)
        .max(5000)
        .default(DEFAULT_ENSEMBLE_CONFIG.candidateLimit)
        .describe('Of more candidates those with the least expected load are scored.'),
      concurrency: z.int().min(1).max(1000).default(64).describe('Decisions under way at once.'),
      weights: z
        .strictObject({ forecast: ratio, placement: ratio, health: ratio })
        .default(DEFAULT_SCORE_WEIGHTS)
        .describe('Shares of the three parts.'),
    })
    .prefault({}),
  filter: z
    .strictObject({
      enabled: z.boolean().default(false),
      maxRejectedRatio: ratio.default(0.2).describe('Most of the open nodes that may be rejected for a pod.'),
      minHealthRatio: ratio.default(0.3),
      maxForecastRatio: z.number().min(0).max(2).default(0.98),
    })
    .prefault({}),
  load: z
    .strictObject({
      source: z.enum(['prometheus', 'push', 'none']).default('push'),
      tickSeconds: z
        .union([z.literal(5), z.literal(10), z.literal(15), z.literal(30), z.literal(60)])
        .default(30)
        .describe('Distance of two rounds of load, forecasts and health.'),
      staleSeconds: z.number().min(10).max(600).default(120).describe('Load older than this is unknown.'),
      prometheusUrl: z.url().optional(),
      prometheusTokenFile: z.string().optional(),
      staticNodeNames: z
        .record(z.string(), z.string())
        .default({})
        .describe('Address in the instance label -> node name, where Prometheus knows addresses alone.'),
    })
    .prefault({}),
  cluster: z
    .strictObject({
      source: z.enum(['kubernetes', 'replay', 'none']).default('none'),
      kubeconfig: z.string().optional(),
      context: z.string().optional(),
      scenario: z.string().default('hosts-24').describe('What is replayed, for source replay.'),
      reserveTtlSeconds: z
        .number()
        .min(10)
        .default(300)
        .describe('A reservation that nothing confirms is given up.'),
    })
    .prefault({}),
  models: z
    .strictObject({
      alias: z
        .string()
        .default('champion')
        .describe('Registered models that are used; a new version is taken live.'),
      reloadSeconds: z.number().min(1).default(30),
    })
    .prefault({}),
  journal: z
    .strictObject({
      directory: z.string().optional().describe('Default: journal in the state directory.'),
      keepDays: z.int().min(1).default(30),
    })
    .prefault({}),
  rollout: z
    .strictObject({
      store: z.enum(['file', 'configmap']).default('file'),
      file: z.string().optional().describe('Default: rollout.json in the state directory.'),
      configMap: z.string().default('mlsched-rollout').describe('Name, in the namespace of the service.'),
      guard: z
        .strictObject({
          maxErrorRatio: ratio.default(guard.maxErrorRatio),
          maxAbstainRatio: ratio.default(guard.maxAbstainRatio),
          maxLatencyP99Ms: z.number().min(1).default(guard.maxLatencyP99Ms),
          maxOverloadExcessRatio: ratio.default(guard.maxOverloadExcessRatio),
          maxPendingExcessRatio: ratio.default(guard.maxPendingExcessRatio),
          minDecisions: z.int().min(1).default(guard.minDecisions),
          minOutcomes: z.int().min(2).default(guard.minOutcomes),
        })
        .prefault({}),
    })
    .prefault({}),
});
export type ServiceConfig = z.output<typeof serviceConfigSchema>;

/**
 * Reads the configuration of the decision service.
 *
 * @param file - Name of the file, for messages.
 * @throws MlschedError `MLS_SCHEDULER_CONFIG`.
 */
export function parseServiceConfig(text: string, file: string): ServiceConfig {
  return parseConfig(text, serviceConfigSchema, ({ problem, hint }) =>
    serviceConfigInvalid(file, problem, hint),
  );
}
