import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { MlschedError } from '#kernel/errors';
import type { CollectLiveRequest } from '#services/collect-live';
import { createCommand, wholeNumber } from '../options.ts';
import {
  printCollectExport,
  printCollectHistory,
  printCollectLive,
  printCollectQuery,
  printCollectStatus,
  printCompaction,
} from '../printers/collect.ts';
import {
  clusterOf,
  createPrometheusCommand,
  sourceOf,
  storeDirectory,
  urlOption,
} from '../prometheus-options.ts';
import type { PrometheusFlags } from '../prometheus-options.ts';
import { runCommand } from '../run-command.ts';

const DEFAULT_DAYS = 30;
const DEFAULT_STEP_SECONDS = 30;
const DEFAULT_PORT = 9180;
const DEFAULT_ROWS = 1000;
const STORE_TEXT = 'folder of the store (default: history in the state directory)';

export function collectCommand() {
  return new Command('collect')
    .description('Collect node history from a Prometheus into a local store.')
    .addCommand(historyCommand() as unknown as Command)
    .addCommand(liveCommand() as unknown as Command)
    .addCommand(statusCommand() as unknown as Command)
    .addCommand(queryCommand() as unknown as Command)
    .addCommand(exportCommand() as unknown as Command)
    .addCommand(compactCommand() as unknown as Command);
}

/** Reads a day, such as 2026-01-05. */
function day(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError('expected a day such as 2026-01-05.');
  }
  return text;
}

function historyCommand() {
  return createPrometheusCommand(
    'history',
    'Fetch the last days into a store; run again, it goes on from there.',
    [
      'mlsched collect history --prometheus http://prometheus:9090',
      'mlsched collect history --prometheus https://prometheus --token-file token --ca-file ca.pem --days 60',
    ],
  )
    .addOption(urlOption().makeOptionMandatory())
    .option('--store <directory>', STORE_TEXT)
    .option('--days <number>', 'days to reach back', wholeNumber(1), DEFAULT_DAYS)
    .option('--step <seconds>', 'distance of two rows of a node', wholeNumber(1), DEFAULT_STEP_SECONDS)
    .action((options) =>
      runCommand(
        {
          name: 'collect history',
          async run(context) {
            const { runCollectHistory } = await import('#services/collect-history');
            const data = await runCollectHistory({
              source: sourceOf(options.prometheus as string, options),
              storeDirectory: storeDirectory(options.store),
              days: options.days,
              stepSeconds: options.step,
              progress: context.progress,
            });
            return { status: 'ok' as const, data };
          },
          print: printCollectHistory,
        },
        options,
      ),
    );
}

function liveCommand() {
  return createPrometheusCommand(
    'live',
    'Collect for ever, each step as it ends; what was missed is fetched.',
    [
      'mlsched collect live --prometheus http://prometheus:9090',
      'mlsched collect live --prometheus http://prometheus:9090 --days 30 --retention-days 400',
      'mlsched collect live --metrics-server --kubeconfig ~/.kube/config',
    ],
  )
    .addOption(urlOption())
    .addOption(
      new Option('--metrics-server', 'light source: CPU and memory from Metrics Server').conflicts(
        'prometheus',
      ),
    )
    .option('--store <directory>', STORE_TEXT)
    .option('--days <number>', 'days to reach back when the store is empty', wholeNumber(1), 1)
    .option('--step <seconds>', 'distance of two rows of a node', wholeNumber(1), DEFAULT_STEP_SECONDS)
    .option('--retention-days <number>', 'remove older days (default: keep all)', wholeNumber(1))
    .option('--host <address>', 'address for /metrics, /livez and /readyz', '127.0.0.1')
    .option('--port <number>', 'port for them; 0 picks a free one', wholeNumber(0), DEFAULT_PORT)
    .action((options) =>
      runCommand(
        {
          name: 'collect live',
          isService: true,
          async run() {
            const [{ runCollectLive }, { createLog }] = await Promise.all([
              import('#services/collect-live'),
              import('#kernel/log'),
            ]);
            const log = createLog({ service: 'collect' });
            const { retentionDays } = options;
            const data = await runCollectLive({
              source: liveSource(options),
              storeDirectory: storeDirectory(options.store),
              days: options.days,
              stepSeconds: options.step,
              ...(retentionDays !== undefined && { retentionDays }),
              host: options.host,
              port: options.port,
              log,
              signal: stopSignal(),
              onListening: (port) => log.info('listening', { host: options.host, port }),
            });
            return { status: 'ok' as const, data };
          },
          print: printCollectLive,
        },
        options,
      ),
    );
}

type LiveFlags = PrometheusFlags & {
  readonly prometheus?: string | undefined;
  readonly metricsServer?: true | undefined;
};

/** @throws MlschedError `MLS_CLI_NO_SOURCE`. */
function liveSource(flags: LiveFlags): CollectLiveRequest['source'] {
  if (flags.metricsServer === true) return { metricsServer: clusterOf(flags) ?? {} };
  if (flags.prometheus !== undefined) return sourceOf(flags.prometheus, flags);
  throw new MlschedError('MLS_CLI_NO_SOURCE', 'nothing to collect from was named', {
    kind: 'invalid-input',
    hint: 'Give --prometheus URL, or --metrics-server.',
  });
}

/** Aborted by the first SIGINT or SIGTERM; a second one ends the process as usual. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  return stop.signal;
}

function statusCommand() {
  return createCommand('status', 'Say what a store holds and how fresh it is.', [
    'mlsched collect status',
    'mlsched collect status --store DIR -o json',
  ])
    .option('--store <directory>', STORE_TEXT)
    .action((options) =>
      runCommand(
        {
          name: 'collect status',
          async run() {
            const { describeStore } = await import('#collect');
            const data = await describeStore(storeDirectory(options.store), Date.now());
            return { status: 'ok' as const, data };
          },
          print: printCollectStatus,
        },
        options,
      ),
    );
}

function queryCommand() {
  return createCommand(
    'query',
    'Ask a store by SQL: tables nodes and cluster, read only, in the dialect of DuckDB.',
    [
      `mlsched collect query --sql "SELECT machine, avg(cpu_usage_ratio) FROM nodes GROUP BY machine"`,
      'mlsched collect query --sql "DESCRIBE nodes" -o json',
    ],
  )
    .option('--store <directory>', STORE_TEXT)
    .requiredOption('--sql <text>', 'one SELECT')
    .option('--limit <number>', 'rows at most', wholeNumber(1), DEFAULT_ROWS)
    .action((options) =>
      runCommand(
        {
          name: 'collect query',
          async run() {
            const { queryStore } = await import('#collect');
            const data = await queryStore(storeDirectory(options.store), options.sql, options.limit);
            return { status: 'ok' as const, data };
          },
          print: printCollectQuery,
        },
        options,
      ),
    );
}

function exportCommand() {
  return createCommand('export', 'Write a store as CSV, a file a table and day.', [
    'mlsched collect export --out csv/',
    'mlsched collect export --out csv/ --from 2026-01-05 --to 2026-01-11',
  ])
    .option('--store <directory>', STORE_TEXT)
    .requiredOption('--out <directory>', 'where the files go')
    .option('--from <day>', 'first day (UTC)', day)
    .option('--to <day>', 'last day, included', day)
    .action((options) =>
      runCommand(
        {
          name: 'collect export',
          async run(context) {
            const { exportStore } = await import('#collect');
            const data = await exportStore(storeDirectory(options.store), options.out, {
              ...(options.from !== undefined && { firstDay: options.from }),
              ...(options.to !== undefined && { lastDay: options.to }),
              progress: context.progress,
            });
            return { status: 'ok' as const, data };
          },
          print: printCollectExport,
        },
        options,
      ),
    );
}

function compactCommand() {
  return createCommand(
    'compact',
    'Join the small files of a store and remove old days; live collection does both itself.',
    ['mlsched collect compact', 'mlsched collect compact --retention-days 400'],
  )
    .option('--store <directory>', STORE_TEXT)
    .option('--retention-days <number>', 'remove older days', wholeNumber(1))
    .action((options) =>
      runCommand(
        {
          name: 'collect compact',
          async run() {
            const { compactStore } = await import('#collect');
            const { retentionDays } = options;
            const data = await compactStore(storeDirectory(options.store), {
              nowMs: Date.now(),
              ...(retentionDays !== undefined && { retentionDays }),
            });
            return { status: 'ok' as const, data };
          },
          print: printCompaction,
        },
        options,
      ),
    );
}
