import { parentPort, workerData } from 'node:worker_threads';

import type { LoadMoments, LoadRing } from '#domain';
import { createSignalSource } from '#models/ensemble';
import type { SignalView } from '#models/ensemble';

import type { FromSignalWorker, SignalWorkerData, ToSignalWorker } from './messages.ts';

/** Runs the forecast and health models of all nodes beside the thread that answers requests. */
const port = parentPort;
if (port === null) throw new Error('signals.worker.ts runs as a worker only');

const source = createSignalSource((workerData as SignalWorkerData).artefacts);
let names: readonly string[] = [];
let history: LoadRing = emptyRing();

port.on('message', (message: ToSignalWorker) => {
  if (message.kind === 'nodes') {
    ({ names, history } = message);
    return;
  }
  const signals = source.refresh(viewOf(message));
  // Only nodes that join are read from the ring: it has done its work.
  history = emptyRing();
  const answer: FromSignalWorker = {
    kind: 'signals',
    tick: message.tick,
    names,
    cpuForecastRatio: signals.cpuForecastRatio,
    memoryForecastRatio: signals.memoryForecastRatio,
    health: signals.health,
  };
  port.postMessage(answer);
});
port.postMessage({ kind: 'ready' } satisfies FromSignalWorker);

function viewOf(tick: Extract<ToSignalWorker, { kind: 'tick' }>): SignalView {
  return {
    nowMs: tick.nowMs,
    nodeCount: names.length,
    nodeNames: names,
    metrics: {
      scrapedAtMs: tick.scrapedAtMs,
      cpu: latestOnly(tick.cpuRatio),
      memory: latestOnly(tick.memoryRatio),
    },
    history,
  };
}

/** The models read the latest ratio alone; they keep their own history. */
function latestOnly(latestRatio: Float64Array): LoadMoments {
  const none = new Float64Array(0);
  return {
    latestRatio,
    mean5mRatio: none,
    mean15mRatio: none,
    sd15mRatio: none,
    max1hRatio: none,
    max1dRatio: none,
  };
}

function emptyRing(): LoadRing {
  const none = new Float32Array(0);
  return {
    stepSeconds: 300,
    capacity: 1,
    count: 0,
    head: 0,
    endMs: Number.NaN,
    cpuUsageRatio: none,
    memoryUsageRatio: none,
  };
}
