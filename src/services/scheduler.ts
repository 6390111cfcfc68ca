import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#kernel/clock';
import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { SECOND_MS } from '#kernel/units';
import { createSchedulerService, openBrain } from '#scheduler';
import type { SchedulerService, ServiceConfig } from '#scheduler';
import { openModelRegistry } from './models.ts';
import { openRolloutStore } from './rollout.ts';
import { openClusterFeed } from './scheduler-cluster.ts';
import type { ClusterFeed } from './scheduler-cluster.ts';
import { createModelFeed } from './scheduler-models.ts';
import type { ModelFeed } from './scheduler-models.ts';

export interface StartSchedulerOptions {
  readonly config: ServiceConfig;
  readonly stateDirectory: string;
  /** Data root for a replay. */
  readonly dataRoot: string;
  readonly version: string;
  readonly log: Log;
}

export interface RunningScheduler {
  readonly port: number;
  readonly probesPort: number | undefined;
  /** Answers what is under way, and writes the journal to its end. */
  close(): Promise<void>;
}

/** Starts the decision service; it listens at once and becomes ready when it knows the cluster and has models. */
export async function startScheduler(options: StartSchedulerOptions): Promise<RunningScheduler> {
  const { config, stateDirectory, log } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const registry = createMetricRegistry('scheduler');
  const feed = await openClusterFeed({ ...options, signal, registry });
  const service = await createSchedulerService({
    config,
    journalDirectory: config.journal.directory ?? join(stateDirectory, 'journal'),
    rolloutStore: await openRolloutStore(config, stateDirectory),
    loadSource: feed.loadSource,
    clusterProblem: feed.problem,
    clock: systemClock,
    log,
    registry,
    version: options.version,
  });
  const ports = await service.start();
  const models = createModelFeed({
    registry: openModelRegistry(stateDirectory, { note: (line) => log.warning(line) }),
    stateDirectory,
    alias: config.models.alias,
    log,
  });
  const running = followAll(feed, service, { models, config, log, signal });
  return {
    ...ports,
    async close() {
      stop.abort();
      await running;
      await service.close();
      await feed.close();
    },
  };
}

interface Following {
  readonly models: ModelFeed;
  readonly config: ServiceConfig;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** First the cluster, then the models: their first look is at everything that is there. */
async function followAll(feed: ClusterFeed, service: SchedulerService, following: Following): Promise<void> {
  const { log, signal } = following;
  const ended = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  try {
    await Promise.race([feed.run(service.cluster), ended]);
  } catch (error) {
    log.error('the cluster cannot be followed; every answer is neutral', { cause: messageOf(error) });
  }
  await followModels(service, following);
}

/** Puts models to work, and each new version of the alias; one that fails leaves the old ones at work. */
async function followModels(service: SchedulerService, following: Following): Promise<void> {
  const { models: feed, config, log, signal } = following;
  const { candidateLimit, weights } = config.decision;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    try {
      if (isFirst || (await feed.hasChanged())) {
        const models = await feed.load();
        const brain = await openBrain(models, { clock: systemClock, log, candidateLimit, weights });
        await service.useBrain(brain);
        await feed.keep(models);
        log.success('models are at work', { versions: models.versions });
      }
    } catch (error) {
      log.error('new models cannot be used; the old ones stay', { cause: messageOf(error) });
    }
    await sleep(config.models.reloadSeconds * SECOND_MS, undefined, { signal }).catch(() => undefined);
  }
}
