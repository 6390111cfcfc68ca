import { accountStep, createWorld, scrape } from './world.ts';
import type { RunOptions, World } from './world.ts';
import { attemptPod, retryPending } from './scheduling.ts';
import { endPod, failNodes, killForMemory, recoverNodes } from './pod-events.ts';
import { objectiveOf } from './objective.ts';
import type { SimulationResult } from './types.ts';

/**
 * Runs one policy through one scenario, event by event, and measures it.
 *
 * @remarks Between two scrapes pods arrive, end and fail at their own second; at each scrape (30 s) demand is
 *   settled: CPU above capacity is lost, memory above capacity kills the pod that exceeds its request most.
 *   The warm-up is placed by stock for every policy with the same ties, so all start from the same cluster.
 *   Deterministic: the same options give the same result, but for `decisionMicrosP99`, which needs `nowMicros`.
 * @throws MlschedError `MLS_SIMULATOR_CHOICE_INFEASIBLE` when the policy answers with a node that has no room.
 */
export function runSimulation(options: RunOptions): SimulationResult {
  const world = createWorld(options);
  playWorld(world);
  return buildResult(world, options);
}

/** Plays a world to its end. */
export function playWorld(world: World): void {
  const { workload, scenario, onProgress } = world.options;
  const { startSeconds, endSeconds } = workload;
  const { stepSeconds } = scenario;
  const steps = Math.round((endSeconds - startSeconds) / stepSeconds);
  for (let step = 1; step <= steps; step++) {
    const until = startSeconds + step * stepSeconds;
    replayEvents(world, until);
    world.setNow(until);
    settle(world, until - stepSeconds);
    accountStep(world, until);
    scrape(world, step);
    takeOver(world, until);
    retryPending(world);
    onProgress?.(step / steps);
  }
  world.accounting.counts.neverScheduledPods = world.pending.length;
}

/** Plays arrivals, departures, failures and recoveries up to a time, each at its own second. */
function replayEvents(world: World, until: number): void {
  const { pods } = world.options.workload;
  for (;;) {
    const arrival =
      world.nextArrival < pods.count ? (pods.arrivalSeconds[world.nextArrival] as number) : Infinity;
    const departure = world.departures.nextSeconds();
    const outage = Math.min(
      world.outages[0]?.atSeconds ?? Infinity,
      world.recoveries[0]?.atSeconds ?? Infinity,
    );
    const next = Math.min(arrival, departure, outage);
    if (next > until) return;
    world.setNow(Math.max(next, world.nowSeconds()));
    if (departure === next) endPod(world, world.departures.pop());
    else if (outage === next) replayOutage(world, next);
    else {
      const uid = world.nextArrival++;
      if (next >= 0) world.accounting.counts.pods++;
      attemptPod(world, { uid, notBeforeSeconds: next, sinceSeconds: next });
    }
  }
}

function replayOutage(world: World, seconds: number): void {
  if (world.recoveries[0]?.atSeconds === seconds) recoverNodes(world);
  else failNodes(world);
}

/** Renews the demand of every pod for the step that begins at `from`, and settles memory. */
function settle(world: World, from: number): void {
  world.sumDemand(from);
  killForMemory(world);
}

/** From here on the policy places, not stock; it gets to see each scrape. */
function takeOver(world: World, seconds: number): void {
  if (seconds < -world.options.scenario.takeOverMinutes * 60) return;
  if (!world.isTakenOver) {
    world.isTakenOver = true;
    world.policy.prepare?.(world.state.view);
  }
  world.policy.onScrape?.(world.state.view);
}

function buildResult(world: World, options: RunOptions): SimulationResult {
  const parts = world.accounting.parts();
  return {
    policy: world.policy.name,
    scenario: options.scenario.name,
    seed: options.seed,
    parts,
    objective: objectiveOf(parts),
    decisionMicrosP99: world.latency.quantile(0.99),
    placements: world.placements,
    abstentions: world.abstentions,
    burstPeakToMeanRatio: world.bursts.peakToMeanRatio(),
    burstLoadPeakToMeanRatio: world.bursts.loadPeakToMeanRatio(),
    series: world.accounting.record(),
  };
}
