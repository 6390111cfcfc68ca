import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import type { WorkloadFact } from '#collect';
import type { PrometheusReader } from '#platform/prometheus';
import { createCommand, wholeNumber } from '../options.ts';
import { printFollow, printProfiles, printWorkloads } from '../printers/workloads.ts';
import type { WorkloadSummary } from '../printers/workloads.ts';
import { runCommand } from '../run-command.ts';

const DAY_MS = 86_400_000;

export function workloadsCommand() {
  return new Command('workloads')
    .description('What the pods of the cluster are, and what they really use.')
    .addCommand(followCommand())
    .addCommand(listCommand())
    .addCommand(profileCommand());
}

/** Reads `ADDRESS=NODE`, as often as it is given. */
function nodeName(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.lastIndexOf('=');
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('expected ADDRESS=NODE.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

function followCommand() {
  return createCommand('follow', 'Watch the API server and write what each pod is, beside the history.', [
    'mlsched workloads follow --store DIR                     # until interrupted',
    'mlsched workloads follow --store DIR --kubeconfig FILE --node-name 10.0.0.1=worker-1',
  ])
    .requiredOption('--store <directory>', 'store of the history')
    .option('--kubeconfig <file>', 'kubeconfig (default: KUBECONFIG, the service account, ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--node-name <address=name>', 'name of a node by its address; may be repeated', nodeName)
    .option('--leader-election', 'write only while this replica holds the Lease mlsched-collector', false)
    .option('--for <seconds>', 'stop after so long; 0 = never', wholeNumber(0), 0)
    .action((options) =>
      runCommand(
        {
          name: 'workloads follow',
          async run() {
            const { createLog } = await import('#kernel/log');
            const { runWorkloadFollower } = await import('#services/workloads');
            const result = await runWorkloadFollower({
              directory: resolve(options.store),
              signal: stopSignal(options.for),
              log: createLog({ service: 'collector' }),
              staticNames: options.nodeName ?? {},
              isElected: options.leaderElection,
              ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
              ...(options.context === undefined ? {} : { context: options.context }),
            });
            return { status: 'ok' as const, data: result };
          },
          print: printFollow,
        },
        options,
      ),
    );
}

/** Ends on SIGTERM, which is how Kubernetes stops a pod, or after some seconds. */
function stopSignal(seconds: number): AbortSignal {
  const stop = new AbortController();
  process.once('SIGTERM', () => stop.abort());
  return seconds === 0 ? stop.signal : AbortSignal.any([stop.signal, AbortSignal.timeout(seconds * 1000)]);
}

function listCommand() {
  return createCommand('list', 'List the workloads of a store with their pods and requests.', [
    'mlsched workloads list --store DIR',
  ])
    .requiredOption('--store <directory>', 'store of the history')
    .option('--days <number>', 'how far back pods that ended count', wholeNumber(1), 1)
    .action((options) =>
      runCommand(
        {
          name: 'workloads list',
          async run() {
            const { readWorkloadFacts } = await import('#collect');
            const endMs = Date.now();
            const span = { startMs: endMs - options.days * DAY_MS, endMs };
            const facts = await readWorkloadFacts(resolve(options.store), span);
            return { status: 'ok' as const, data: { workloads: summarise(facts) } };
          },
          print: printWorkloads,
        },
        options,
      ),
    );
}

function summarise(facts: readonly WorkloadFact[]): WorkloadSummary[] {
  const groups = Map.groupBy(
    facts,
    ({ namespace, ownerKind, owner }) => `${namespace}/${ownerKind}/${owner}`,
  );
  return [...groups.values()].map((ofWorkload) => {
    const newest = ofWorkload.reduce((a, b) => (b.validFromMs >= a.validFromMs ? b : a));
    const running = ofWorkload.filter(({ validToMs }) => validToMs === undefined);
    return {
      namespace: newest.namespace,
      kind: newest.ownerKind,
      name: newest.owner,
      runningPods: running.length,
      endedPods: new Set(ofWorkload.map(({ podUid }) => podUid)).size - running.length,
      nodes: new Set(running.map(({ node }) => node)).size,
      qos: newest.qos,
      priorityClass: newest.priorityClass ?? null,
      cpuRequestMillicores: newest.cpuRequestMillicores,
      memoryRequestBytes: newest.memoryRequestBytes,
    };
  });
}

function profileCommand() {
  return createCommand('profile', 'Learn what the pods of each workload really use, from Prometheus.', [
    'mlsched workloads profile --store DIR --prometheus http://prometheus:9090',
    'mlsched workloads profile --store DIR --prometheus URL --days 14 -o json',
  ])
    .requiredOption('--store <directory>', 'store of the history, with the facts of `workloads follow`')
    .requiredOption('--prometheus <url>', "address of the Prometheus that scrapes the kubelets' cAdvisor")
    .option('--days <number>', 'how far back', wholeNumber(1), 7)
    .action((options) =>
      runCommand(
        {
          name: 'workloads profile',
          async run(context) {
            const { buildWorkloadProfiles } = await import('#collect');
            const { systemClock } = await import('#kernel/clock');
            const endMs = systemClock.nowMs();
            const profiles = await buildWorkloadProfiles({
              reader: await openPrometheus(options.prometheus, endMs),
              directory: resolve(options.store),
              clock: systemClock,
              startMs: endMs - options.days * DAY_MS,
              endMs,
              progress: context.progress,
            });
            return { status: 'ok' as const, data: profiles };
          },
          print: printProfiles,
        },
        options,
      ),
    );
}

async function openPrometheus(url: string, nowMs: number): Promise<PrometheusReader> {
  const { openReader } = await import('#platform/prometheus');
  const matchers = [{ name: '__name__', type: '=', value: 'up' } as const];
  return openReader({ url }, { matchers, startMs: nowMs - 60_000, endMs: nowMs });
}
