/**
 * Throughput and latency with the decision service against stock, on a real control plane:
 * `node test/bench/scheduler-load.bench.ts [--nodes 1000] [--pods 600] [--repeats 3] [--total 10000]`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { startDecisionService, type DecisionService } from '../harness/decision-service.ts';
import { until } from '../harness/placements.ts';
import { pluginProfile } from '../harness/scheduler-config.ts';
import {
  createManyNodes,
  deletePods,
  manyNodeNames,
  quantileMs,
  readHistogram,
  runBurst,
  runTrickle,
  type BurstReport,
  type Contestant,
} from '../harness/scheduler-load.ts';
import { publishSection, type BenchTable } from './publish.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '1000' },
    pods: { type: 'string', default: '600' },
    repeats: { type: 'string', default: '3' },
    /** Pods of one long burst with the service; 0 leaves it out. */
    total: { type: 'string', default: '0' },
    /** `equal` or `ahead`: real-time priorities, so that other work on the machine is not measured; needs root. */
    realtime: { type: 'string', default: 'none' },
    /** Seconds at 1,000 pods a minute. */
    trickle: { type: 'string', default: '60' },
  },
});
const NODES = Number(values.nodes);
const PODS = Number(values.pods);
const REPEATS = Number(values.repeats);
const TOTAL = Number(values.total);
const TRICKLE = { podsPerSecond: 1000 / 60, seconds: Number(values.trickle) };
/** More than the defaults: on a shared machine a call waits for a core, and an open breaker would flatter us. */
const PATIENCE = { timeoutMs: 2000, slowCallMs: 2000 };
const TARGETS = { throughputRatio: 0.6, openRatio: 0.9, openMs: 1000, latencyP99Ms: 100 };

const note = (text: string): void => void process.stderr.write(`${new Date().toISOString()} ${text}\n`);

interface Stage {
  readonly cluster: ControlPlane;
  readonly service: DecisionService;
  readonly stock: Contestant;
  readonly ours: Contestant;
}

async function setUp(folder: string, cluster: ControlPlane): Promise<Stage> {
  await createManyNodes(cluster, 0, NODES);
  note(`${NODES} nodes are ready`);
  const service = await startDecisionService({
    folder: join(folder, 'service'),
    kubeconfig: cluster.kubeconfig,
  });
  await pushLoad(service);
  await until('the service is ready', async () => (await fetch(`${service.url}/readyz`)).ok, 120_000);
  service.mlsched('rollout', 'set', '100');
  const profiles = [pluginProfile('mlsched', { ...PATIENCE, urls: [service.url] }, 5)];
  const scheduler = await cluster.startScheduler({ name: 'ours', binary: 'plugin', config: { profiles } });
  const stock = await cluster.startScheduler({ name: 'stock' });
  applyPriorities(cluster, [stock.pid, scheduler.pid, service.pid]);
  return {
    cluster,
    service,
    stock: { scheduler: stock, schedulerName: 'default-scheduler' },
    ours: { scheduler, schedulerName: 'mlsched' },
  };
}

function applyPriorities(cluster: ControlPlane, deciding: readonly number[]): void {
  if (values.realtime === 'none') return;
  for (const pid of [...cluster.processes().values(), ...deciding]) setPriority(pid, 1);
  if (values.realtime === 'ahead') for (const pid of deciding) setPriority(pid, 2);
  // The clock in front of all: it sleeps nearly always, and must not miss its moment.
  setPriority(process.pid, 3);
}

const PRIORITY_TEXT: Readonly<Record<string, string>> = {
  none: '',
  equal:
    ' The cores are shared with other work, therefore all of these run at one real-time priority: who wakes up waits until another one pauses, which is hard on whoever needs several to answer in turn.',
  ahead:
    ' The cores are shared with other work, therefore all of these run at real-time priority; the two schedulers and the service one above the rest, as if they had cores of their own.',
};

function setPriority(pid: number, priority: number): void {
  const done = spawnSync('chrt', ['--all-tasks', '--rr', '--pid', String(priority), String(pid)]);
  if (done.status !== 0) throw new Error(`chrt: ${done.stderr.toString()}`);
}

function pushLoad(service: DecisionService): Promise<void> {
  const nodes = manyNodeNames(NODES).map((name, at) => ({
    name,
    cpuUsageRatio: 0.2 + 0.5 * ((at * 7919) % 1000) * 0.001,
    memoryUsageRatio: 0.3 + 0.4 * ((at * 104_729) % 1000) * 0.001,
  }));
  return service.pushLoad(nodes);
}

/** CPU milliseconds that each process has used, user and system, from Linux's clock ticks of 10 ms. */
function cpuOf({ cluster, service }: Stage): Map<string, number> {
  const used = new Map<string, number>();
  for (const [name, pid] of [...cluster.processes(), ['decision service', service.pid] as const]) {
    const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    used.set(name, 10 * (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)));
  }
  return used;
}

type CpuUse = Record<'stock' | 'ours', Map<string, number>>;

interface Pair {
  readonly stock: BurstReport;
  readonly ours: BurstReport;
}

/** Stock and ours in turn; who begins changes. */
async function runPairs(stage: Stage, label: string, cpu?: CpuUse): Promise<Pair[]> {
  const { cluster, stock, ours } = stage;
  const pairs: Pair[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const run = async (who: 'stock' | 'ours'): Promise<BurstReport> => {
      let before = new Map<string, number>();
      const report = await runBurst(cluster, who === 'stock' ? stock : ours, {
        namespace: `${label}-${who}-${repeat}`,
        pods: PODS,
        onStart: () => (before = cpuOf(stage)),
        onEnd: () => {
          for (const [name, used] of cpuOf(stage))
            cpu?.[who].set(name, (cpu[who].get(name) ?? 0) + used - (before.get(name) ?? 0));
        },
      });
      return report;
    };
    const oursFirst = repeat % 2 === 1 ? await run('ours') : undefined;
    const stockReport = await run('stock');
    const pair = { stock: stockReport, ours: oursFirst ?? (await run('ours')) };
    pairs.push(pair);
    note(
      `${label} ${repeat}: stock ${pair.stock.podsPerSecond.toFixed(0)}/s, ours ${pair.ours.podsPerSecond.toFixed(0)}/s`,
    );
  }
  return pairs;
}

const ratioOf = (pairs: readonly Pair[]): number =>
  median(pairs.map(({ stock, ours }) => ours.podsPerSecond / stock.podsPerSecond));

function median(list: readonly number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2;
}

interface LatencyReport {
  readonly lost: number;
  readonly algorithmP50Ms: number;
  readonly algorithmP99Ms: number;
  readonly attemptP99Ms: number;
}

async function measureTrickle(cluster: ControlPlane, who: Contestant, name: string): Promise<LatencyReport> {
  const before = await who.scheduler.metrics();
  const lost = await runTrickle(cluster, who, name, TRICKLE);
  const after = await who.scheduler.metrics();
  await deletePods(cluster, name);
  const quantile = (metric: string, share: number, labels = {}): number =>
    quantileMs(readHistogram(before, metric, labels), readHistogram(after, metric, labels), share);
  const algorithm = 'scheduler_scheduling_algorithm_duration_seconds';
  const attempt = 'scheduler_scheduling_attempt_duration_seconds';
  return {
    lost,
    algorithmP50Ms: quantile(algorithm, 0.5),
    algorithmP99Ms: quantile(algorithm, 0.99),
    attemptP99Ms: quantile(attempt, 0.99, { result: 'scheduled' }),
  };
}

/** Kills the service under load; milliseconds until the plugin leaves it alone. */
async function measureOpening({ cluster, service, ours }: Stage): Promise<number> {
  const load = runTrickle(cluster, ours, 'opening', { podsPerSecond: 20, seconds: 4 });
  await sleep(1500);
  const startMs = performance.now();
  process.kill(service.pid, 'SIGKILL');
  while ((await ours.scheduler.metric('mlsched_plugin_breaker_open')) !== 1) await sleep(5);
  const tookMs = performance.now() - startMs;
  await load;
  await deletePods(cluster, 'opening');
  return tookMs;
}

/** Decisions by outcome, from the plugin's own counter. */
async function countOutcomes({ ours }: Stage): Promise<Map<string, number>> {
  const outcomes = new Map<string, number>();
  for (const line of (await ours.scheduler.metrics()).split('\n')) {
    const found = /^mlsched_plugin_decisions_total\{outcome="([^"]+)",point="score"\} (\S+)/.exec(line);
    if (found !== null) outcomes.set(found[1] ?? '', Number(found[2]));
  }
  return outcomes;
}

const one = (value: number): string => value.toFixed(1);
const percent = (value: number): string => `${(100 * value).toFixed(0)} %`;

function pairsTable(caption: string, pairs: readonly Pair[]): BenchTable {
  return {
    caption,
    columns: ['repeat', 'stock pods/s', 'ours pods/s', 'ours / stock', 'lost'],
    rows: pairs.map(({ stock, ours }, at) => [
      at + 1,
      one(stock.podsPerSecond),
      one(ours.podsPerSecond),
      percent(ours.podsPerSecond / stock.podsPerSecond),
      stock.lost + ours.lost,
    ]),
  };
}

/** Decided only when all repeats agree. */
function verdictOf(pairs: readonly Pair[], target: number): string {
  const ratios = pairs.map(({ stock, ours }) => ours.podsPerSecond / stock.podsPerSecond);
  const range = `${percent(Math.min(...ratios))} to ${percent(Math.max(...ratios))}`;
  const isDecided = ratios.every((ratio) => ratio >= target) || ratios.every((ratio) => ratio < target);
  if (!isDecided) return `not decided (${range})`;
  return `${verdict(ratioOf(pairs) >= target)} in each repeat (${range})`;
}

const verdict = (isMet: boolean): string => (isMet ? 'met' : 'missed');

async function measure(stage: Stage): Promise<void> {
  const { cluster, stock, ours } = stage;
  const cpu: CpuUse = { stock: new Map(), ours: new Map() };
  const pairs = await runPairs(stage, 'burst', cpu);
  const long = TOTAL > 0 ? await runBurst(cluster, ours, { namespace: 'long', pods: TOTAL }) : undefined;
  if (long !== undefined) note(`long burst: ${one(long.podsPerSecond)}/s, ${long.lost} lost`);
  const latency = {
    stock: await measureTrickle(cluster, stock, 'trickle-stock'),
    ours: await measureTrickle(cluster, ours, 'trickle-ours'),
  };
  note(`trickle ${JSON.stringify(latency)}`);
  const outcomes = await countOutcomes(stage);
  const openMs = await measureOpening(stage);
  note(`breaker open after ${one(openMs)} ms`);
  const alone = await runPairs(stage, 'alone');
  const decided = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
  const failed = [...outcomes]
    .filter(([outcome]) => outcome !== 'applied' && outcome !== 'abstained')
    .reduce((sum, [, count]) => sum + count, 0);
  const lost = [...pairs, ...alone].reduce((sum, pair) => sum + pair.ours.lost, long?.lost ?? 0);
  publishSection({
    id: `60-scheduler-load-${String(NODES).padStart(5, '0')}${values.realtime === 'none' ? '' : `-${values.realtime}`}`,
    title: `In the scheduler: ${NODES} nodes${values.realtime === 'none' ? '' : `, real-time priority ${values.realtime}`}`,
    command: `node test/bench/scheduler-load.bench.ts --nodes ${NODES} --pods ${PODS} --repeats ${REPEATS} --total ${TOTAL} --trickle ${TRICKLE.seconds}${values.realtime === 'none' ? '' : ` --realtime ${values.realtime}`}`,
    method: `A real control plane with ${NODES} fake nodes (kwok), the decision service, kube-scheduler with the plugin and stock kube-scheduler, all on the same cores.${PRIORITY_TEXT[values.realtime] ?? ''} Bursts: ${PODS} pods are created while the scheduler is held, then it is let go; the rate is the slope of its own counter between the first and the last tenth. Stock and ours take turns. The plugin is given ${PATIENCE.timeoutMs} ms per pod, so that the breaker stays closed on a busy machine. Trickle: 1,000 pods a minute for ${TRICKLE.seconds} s; quantiles from the scheduler's histograms.`,
    tables: [
      pairsTable('Bursts with the service', pairs),
      {
        caption: 'CPU ms per pod in the bursts with the service, by process',
        columns: ['process', 'with stock', 'with us'],
        rows: [...cpu.ours.keys()].map((name) => [
          name,
          one((cpu.stock.get(name) ?? NaN) / (REPEATS * PODS)),
          one((cpu.ours.get(name) ?? NaN) / (REPEATS * PODS)),
        ]),
      },
      pairsTable('Bursts with the service killed (breaker open)', alone),
      {
        caption: 'At 1,000 pods a minute, ms',
        columns: ['who', 'algorithm P50', 'algorithm P99', 'whole attempt with binding P99', 'not bound'],
        rows: (['stock', 'ours'] as const).map((who) => [
          who,
          one(latency[who].algorithmP50Ms),
          one(latency[who].algorithmP99Ms),
          one(latency[who].attemptP99Ms),
          latency[who].lost,
        ]),
      },
      { caption: 'Decisions by outcome', columns: ['outcome', 'pods'], rows: [...outcomes] },
    ],
    notes: [
      `Throughput with the service: ${percent(ratioOf(pairs))} of stock's (median of ${REPEATS}); target ${percent(TARGETS.throughputRatio)}: ${verdictOf(pairs, TARGETS.throughputRatio)}.`,
      `kube-scheduler decides for one pod after the other: at the median of the trickle that takes ${one(latency.stock.algorithmP50Ms)} ms with stock and ${one(latency.ours.algorithmP50Ms)} ms with us, so that we can place at most about ${(1000 / latency.ours.algorithmP50Ms).toFixed(0)} pods/s where stock could ${(1000 / latency.stock.algorithmP50Ms).toFixed(0)}. Below that the API server is the limit, and the two rates are alike.`,
      `Throughput with the breaker open: ${percent(ratioOf(alone))} of stock's; target ${percent(TARGETS.openRatio)}: ${verdictOf(alone, TARGETS.openRatio)}.`,
      `The breaker opened ${openMs.toFixed(0)} ms after the service was killed under load; target ${TARGETS.openMs} ms: ${verdict(openMs <= TARGETS.openMs)}.`,
      `Whole attempt P99 at 1,000 pods a minute: ${one(latency.ours.attemptP99Ms)} ms; target ${TARGETS.latencyP99Ms} ms: ${verdict(latency.ours.attemptP99Ms < TARGETS.latencyP99Ms)}.`,
      `${decided} decisions were asked for, ${failed} failed (${((100 * failed) / Math.max(1, decided)).toFixed(2)} %); ${lost} pods were lost.${long === undefined ? '' : ` The long burst placed ${TOTAL - long.lost} of ${TOTAL} pods at ${one(long.podsPerSecond)} pods/s.`}`,
    ],
  });
}

const folder = mkdtempSync(join(tmpdir(), 'mlsched-load-'));
const cluster = await startControlPlane({ scheduler: false });
let stage: Stage | undefined;
let pushing: NodeJS.Timeout | undefined;
try {
  stage = await setUp(folder, cluster);
  const { service } = stage;
  pushing = setInterval(() => void pushLoad(service).catch(() => undefined), 20_000);
  await measure(stage);
} finally {
  clearInterval(pushing);
  await stage?.service.stop();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}
