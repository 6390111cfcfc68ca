import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { createManualClock } from '#kernel/clock';
import { silentLog } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { loadModelFolder } from '#registry';

import { parseServiceConfig } from './config.ts';
import { openBrain } from './decision/brain.ts';
import type { ModelSet } from './decision/brain.ts';
import type { LoadSource } from './load/types.ts';
import { setRollout } from './rollout/store.ts';
import { createFileRolloutStore } from './rollout/store.ts';
import { createSchedulerService } from './service.ts';
import { START_MS, aLoad, aNode, set } from './test-fixtures.ts';

const STARTER_MODELS = join(import.meta.dirname, '../../data/starter-models');

/** The models that come with the product. */
export async function starterModels(): Promise<ModelSet> {
  const loaded = await Promise.all(
    (['load-forecast', 'placement', 'node-anomaly'] as const).map(
      async (name) => [name, (await loadModelFolder(join(STARTER_MODELS, name))).artefact] as const,
    ),
  );
  return {
    artefacts: new Map(loaded),
    versions: { 'load-forecast': '1', placement: '1', 'node-anomaly': '1' },
  };
}

export interface FixtureOptions {
  /** CPU ratio of each node. */
  readonly loads: Readonly<Record<string, number>>;
  /** YAML of the service's configuration. */
  readonly config?: string;
  readonly models?: ModelSet;
  readonly isWithoutModels?: boolean;
  readonly loadSource?: LoadSource;
  /** Percent of workloads treated; absent = shadow mode. */
  readonly percent?: number;
}

/**
 * A whole service in this process, with real models, whose clock only the test moves; for tests.
 */
export async function startFixture(t: TestContext, options: FixtureOptions) {
  const directory = await mkdtemp(join(tmpdir(), 'mlsched-scheduler-'));
  const clock = createManualClock(START_MS);
  const config = parseServiceConfig(`decision: { budgetMs: 5000 }\n${options.config ?? ''}`, 'test');
  const store = createFileRolloutStore(join(directory, 'rollout.json'));
  if (options.percent !== undefined) {
    await setRollout(store, {
      mode: 'active',
      percent: options.percent,
      atMs: START_MS,
      by: 'operator',
      reason: 'test',
    });
  }
  let loads = options.loads;
  const service = await createSchedulerService({
    config,
    journalDirectory: join(directory, 'journal'),
    rolloutStore: store,
    loadSource: options.loadSource ?? { read: (atMs) => Promise.resolve(aLoad(loads, atMs)) },
    clusterProblem: () => undefined,
    clock,
    log: silentLog,
    registry: createMetricRegistry('test'),
    version: '0.0.0',
  });
  const names = Object.keys(options.loads);
  service.cluster.applyNodes(names.map((name) => set(aNode(name))));
  service.cluster.rebuild();
  // Two hours of the same load, so that forecasts have something to go by.
  for (let back = 24; back >= 1; back--) {
    const atMs = START_MS - back * 300_000;
    service.cluster.recordPast(aLoad(options.loads, atMs), atMs);
  }
  if (options.isWithoutModels !== true) {
    const models = options.models ?? (await starterModels());
    await service.useBrain(await openBrain(models, { clock, log: silentLog, candidateLimit: 128 }));
  }
  await service.tick();
  t.after(async () => {
    await service.close();
    await rm(directory, { recursive: true, force: true });
  });
  return {
    service,
    clock,
    store,
    directory,
    setLoads: (next: Readonly<Record<string, number>>): void => {
      loads = next;
    },
    post: (url: string, payload: unknown) =>
      service.app.inject({
        method: 'POST',
        url,
        headers: { 'content-type': 'application/json' },
        payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
      }),
  };
}

/** A request of the plugin. */
export function aScoreRequest(name: string, nodes: readonly string[], rest: object = {}) {
  return {
    schemaVersion: 1,
    pod: {
      namespace: 'shop',
      name,
      uid: `uid-${name}`,
      schedulerName: 'mlsched',
      ownerKind: 'ReplicaSet',
      ownerName: 'web-5c8f9',
      ownerUid: 'rs',
      labels: { 'pod-template-hash': '5c8f9' },
      cpuRequestMillicores: 500,
      memoryRequestBytes: 1e9,
    },
    nodes,
    budgetMs: 5000,
    ...rest,
  };
}
