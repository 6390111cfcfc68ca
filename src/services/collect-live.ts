import { setTimeout as sleep } from 'node:timers/promises';
import { collectLive, createLiveMetrics, openHistoryStore } from '#collect';
import type { HistoryStore, LiveRound, NodeIdentity, SpanSource } from '#collect';
import { systemClock } from '#kernel/clock';
import { isMlschedError, messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { DAY_SECONDS, MINUTE_MS, SECOND_MS } from '#kernel/units';
import type { OpenAccessOptions } from '#platform/kubernetes';
import { createHttpServer, listen } from '#platform/http-server';
import { openSource } from './collect-source.ts';
import type { CollectSourceOptions } from './collect-source.ts';
import { openMetricsServer } from './metrics-server-source.ts';
import { createRoundLog } from './round-log.ts';

export interface CollectLiveRequest {
  /** A Prometheus, or Metrics Server behind an API server. */
  readonly source: CollectSourceOptions | { readonly metricsServer: OpenAccessOptions };
  readonly storeDirectory: string;
  /** Days to reach back when the store is empty. */
  readonly days: number;
  readonly stepSeconds: number;
  readonly retentionDays?: number;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly log: Log;
  /** Ends the collection after the round under way. */
  readonly signal: AbortSignal;
  onListening(port: number): void;
}

export interface CollectLiveResult {
  readonly rounds: number;
  readonly rows: number;
  readonly coveredTo: string | undefined;
}

const RETRY_MS = 5 * SECOND_MS;
/** How often new nodes are looked for. */
const REFRESH_MS = 10 * MINUTE_MS;
/** Without a stored round for so many intervals the service is not ready. */
const STALE_INTERVALS = 6;

/**
 * Collects until it is told to stop, and answers `/metrics`, `/livez`, `/readyz` meanwhile. A second collector on the
 * same store stands by and takes over when the first one ends, however it ends.
 *
 * @throws MlschedError for what waiting cannot cure: a damaged store, a wrong node map, a taken port.
 */
export async function runCollectLive(request: CollectLiveRequest): Promise<CollectLiveResult> {
  const { log, stepSeconds } = request;
  const registry = createMetricRegistry('collect');
  const metrics = createLiveMetrics(registry);
  const state = { reason: 'starting' as string | undefined, rounds: 0, rows: 0, collectedAtMs: Date.now() };
  const isStale = (): boolean => Date.now() - state.collectedAtMs > STALE_INTERVALS * stepSeconds * SECOND_MS;
  const unreadyReason = (): string | undefined =>
    state.reason ?? (isStale() ? 'nothing was stored for several intervals' : undefined);
  const server = createHttpServer({ log, registry, unreadyReason });
  request.onListening(await listen(server, request.host, request.port));
  const tell = createRoundLog(log);
  let store: HistoryStore | undefined;
  let opened: LiveSource | undefined;
  try {
    store = await waitForStore(request, (reason) => (state.reason = reason));
    const source = (opened = store && (await waitForSource(request, (reason) => (state.reason = reason))));
    if (store === undefined || source === undefined) return { rounds: 0, rows: 0, coveredTo: undefined };
    const writer = store;
    let beganMs = performance.now();
    let refreshedMs = 0;
    const tellConflicts = createConflictLog(log, source.identity);
    const onRound = (round: LiveRound): void => {
      metrics.observe(round, (performance.now() - beganMs) / SECOND_MS);
      metrics.observeStore({
        walBytes: writer.walBytes,
        skewMs: source.reader.clockSkewMs?.(),
        isWriter: true,
      });
      tell(round);
      state.rounds++;
      state.reason = reasonOf(round);
      if (round.kind !== 'collected') return;
      state.collectedAtMs = Date.now();
      state.rows += round.rows;
    };
    await collectLive({
      ...request,
      ...source,
      store,
      clock: systemClock,
      lookbackSeconds: request.days * DAY_SECONDS,
      intervalSeconds: stepSeconds,
      async onRoundBegin() {
        beganMs = performance.now();
        await source.poll?.();
        // A node must not be stored by its address and later by its name: until the first row, names are looked for.
        if (state.rows > 0 && beganMs - refreshedMs < REFRESH_MS) return;
        await source.refresh(systemClock.nowMs());
        refreshedMs = beganMs;
        tellConflicts();
      },
      onRound,
    });
    await store.flush();
    return { rounds: state.rounds, rows: state.rows, coveredTo: coveredTo(store) };
  } finally {
    opened?.close?.();
    await store?.close();
    await server.close();
  }
}

/** Why a round stored nothing. */
function reasonOf(round: LiveRound): string | undefined {
  if (round.kind === 'empty') return 'the source knows no load of any node';
  return round.kind === 'waiting' ? round.error.message : undefined;
}

function coveredTo(store: HistoryStore): string | undefined {
  const coveredMs = store.days().at(-1)?.[1].coveredToMs;
  return coveredMs === undefined ? undefined : new Date(coveredMs).toISOString();
}

type Tell = (reason: string) => void;

/** The store once nobody else writes it; undefined when told to stop before. */
function waitForStore(request: CollectLiveRequest, tell: Tell): Promise<HistoryStore | undefined> {
  const { storeDirectory, stepSeconds, log } = request;
  return waitFor(request, {
    work: async () => {
      const store = await openHistoryStore(
        storeDirectory,
        { source: 'metricsServer' in request.source ? 'metrics-server' : 'prometheus', stepSeconds },
        'collect live',
      );
      for (const file of store.damagedFiles)
        log.warning('a file of the store was damaged or missing', { file });
      return store;
    },
    isPassing: (code) => code === 'MLS_FILES_TAKEN',
    tell: (reason) => tell(`standing by: ${reason}`),
  });
}

interface LiveSource extends SpanSource {
  /** As of `CollectSource`. */
  refresh(nowMs: number): Promise<void>;
  /** Waited for before each round. */
  poll?(): Promise<void>;
  close?(): void;
}

/** What waiting cannot cure. */
const LASTING = ['MLS_PROMETHEUS_BAD_ADDRESS', 'MLS_KUBERNETES_NO_ACCESS', 'MLS_KUBERNETES_BAD_ACCESS'];

function waitForSource(request: CollectLiveRequest, tell: Tell): Promise<LiveSource | undefined> {
  return waitFor(request, {
    work: () => openLiveSource(request),
    isPassing: (code) => /^MLS_(PROMETHEUS|KUBERNETES)_/.test(code) && !LASTING.includes(code),
    tell,
  });
}

async function waitFor<T>(
  { log, signal }: CollectLiveRequest,
  step: { work(): Promise<T>; isPassing(code: string): boolean; tell: Tell },
): Promise<T | undefined> {
  let told = '';
  while (!signal.aborted) {
    try {
      return await step.work();
    } catch (error) {
      if (!isMlschedError(error) || !step.isPassing(error.code)) throw error;
      step.tell(error.message);
      if (told !== error.code) log.warning(messageOf(error), { code: error.code, hint: error.hint });
      told = error.code;
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

async function openLiveSource({ source, stepSeconds, log }: CollectLiveRequest): Promise<LiveSource> {
  if ('metricsServer' in source) {
    const opened = await openMetricsServer(source.metricsServer, stepSeconds);
    return { ...opened, refresh: () => Promise.resolve() };
  }
  const opened = await openSource(source, systemClock.nowMs());
  return {
    ...opened,
    async refresh(nowMs) {
      try {
        await opened.refresh(nowMs);
      } catch (error) {
        // Names are known already: samples must not wait for the API server.
        if (!isMlschedError(error) || !error.code.startsWith('MLS_KUBERNETES_')) throw error;
        log.warning('names of nodes were not renewed', { code: error.code, cause: error.message });
      }
    },
  };
}

/** Tells each conflict once. */
function createConflictLog(log: Log, identity: NodeIdentity): () => void {
  const told = new Set<string>();
  return () => {
    for (const { sentence, address } of identity.conflicts) {
      if (told.has(sentence)) continue;
      told.add(sentence);
      log.warning('sources disagree on a node', { address, conflict: sentence });
    }
  };
}
