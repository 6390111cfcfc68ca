import { Command } from '@commander-js/extra-typings';
import type { WorkloadFact } from '#collect';
import { DAY_MS } from '#kernel/units';
import { createCommand, wholeNumber } from '../options.ts';
import { printFollow, printProfiles, printWorkloads } from '../printers/workloads.ts';
import type { WorkloadSummary } from '../printers/workloads.ts';
import { createPrometheusCommand, sourceOf, storeDirectory, urlOption } from '../prometheus-options.ts';
import { runCommand } from '../run-command.ts';

const STORE_TEXT = 'folder of the store (default: history in the state directory)';

export function workloadsCommand() {
  return new Command('workloads')
    .description('What the pods of the cluster are, and what they really use.')
    .addCommand(followCommand() as unknown as Command)
    .addCommand(listCommand() as unknown as Command)
    .addCommand(profileCommand() as unknown as Command);
}

function followCommand() {
  return createCommand('follow', 'Watch the API server and write what each pod is, beside the history.', [
    'mlsched workloads follow                          # until interrupted',
    'mlsched workloads follow --kubeconfig FILE --node-map nodes.yaml',
  ])
    .option('--store <directory>', STORE_TEXT)
    .option('--kubeconfig <file>', 'kubeconfig (default: KUBECONFIG, the service account, ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--node-map <file>', 'YAML file of addresses and node names: `10.0.0.1: worker-1`')
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
              directory: storeDirectory(options.store),
              signal: stopSignal(options.for),
              log: createLog({ service: 'collector' }),
              isElected: options.leaderElection,
              ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
              ...(options.nodeMap === undefined ? {} : { nodeMapFile: options.nodeMap }),
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
    .option('--store <directory>', STORE_TEXT)
    .option('--days <number>', 'how far back pods that ended count', wholeNumber(1), 1)
    .action((options) =>
      runCommand(
        {
          name: 'workloads list',
          async run() {
            const { readWorkloadFacts } = await import('#collect');
            const endMs = Date.now();
            const span = { startMs: endMs - options.days * DAY_MS, endMs };
            const facts = await readWorkloadFacts(storeDirectory(options.store), span);
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
  return createPrometheusCommand(
    'profile',
    'Learn what the pods of each workload really use, from Prometheus.',
    [
      'mlsched workloads profile --prometheus http://prometheus:9090',
      'mlsched workloads profile --prometheus URL --days 14 -o json',
    ],
  )
    .addOption(urlOption().makeOptionMandatory())
    .option('--store <directory>', STORE_TEXT)
    .option('--days <number>', 'how far back', wholeNumber(1), 7)
    .action((options) =>
      runCommand(
        {
          name: 'workloads profile',
          async run(context) {
            const { buildWorkloadProfiles } = await import('#collect');
            const { openSource } = await import('#services/collect-source');
            const { systemClock } = await import('#kernel/clock');
            const endMs = systemClock.nowMs();
            const { reader } = await openSource(sourceOf(options.prometheus as string, options), endMs);
            const profiles = await buildWorkloadProfiles({
              reader,
              directory: storeDirectory(options.store),
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
