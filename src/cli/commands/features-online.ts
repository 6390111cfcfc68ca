import { createCommand, wholeNumber } from '../options.ts';
import { dataDirectory } from '../locations.ts';
import { printPushed } from '../printers/features-online.ts';
import { runCommand } from '../run-command.ts';

/** Options of every command that talks to an online store. */
function createStoreCommand(name: string, summary: string, examples: readonly string[]) {
  return createCommand(name, summary, examples)
    .option(
      '--data <directory>',
      'collected store or folder of load Parquet files (default: smd-nodes in the data root)',
    )
    .option('--redis <url>', "Redis in Feast's layout, redis:// or rediss:// (default: MLSCHED_REDIS_URL)")
    .option('--server <url>', 'Feast feature server, instead of Redis itself')
    .option('--username <name>', 'user of Redis')
    .option('--password-file <path>', 'file with the password of Redis')
    .option('--ca-file <path>', 'authorities that the certificate of the server must come from')
    .option('--token-file <path>', 'file with a bearer token for the feature server')
    .option('--project <name>', "Feast's project", 'mlsched')
    .option('--timeout-ms <number>', 'deadline of one call of Redis', wholeNumber(1), 1000)
    .option('--cluster <name>', 'name of the cluster in its row', 'default');
}

interface StoreOptions {
  readonly redis?: string | undefined;
  readonly server?: string | undefined;
  readonly username?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly project: string;
  readonly timeoutMs: number;
}

function placeOf(options: StoreOptions) {
  const redis =
    options.redis ?? (options.server === undefined ? process.env['MLSCHED_REDIS_URL'] : undefined);
  const { username, passwordFile, caFile, tokenFile, server, project, timeoutMs } = options;
  return {
    project,
    timeoutMs,
    ...(redis === undefined ? {} : { redisUrl: redis }),
    ...(server === undefined ? {} : { serverUrl: server }),
    ...(username === undefined ? {} : { username }),
    ...(passwordFile === undefined ? {} : { passwordFile }),
    ...(caFile === undefined ? {} : { caFile }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
  };
}

export function pushFeaturesCommand() {
  return createStoreCommand('push', 'Store the newest features of a history online, once.', [
    'mlsched features push --data STORE --redis redis://127.0.0.1:6379',
    'mlsched features push --data STORE --server http://127.0.0.1:6566    # by the Feast feature server',
  ]).action((options) =>
    runCommand(
      {
        name: 'features push',
        async run(context) {
          const { pushFeatures } = await import('#services/features-push');
          const round = await pushFeatures({
            dataDirectory: dataDirectory(options.data, 'load', context),
            place: placeOf(options),
            cluster: options.cluster,
            progress: context.progress,
          });
          return { status: 'ok' as const, data: round };
        },
        print: printPushed,
      },
      options,
    ),
  );
}

export function serveFeaturesCommand() {
  return createStoreCommand('serve', 'Keep the online features fresh from a store that is being filled.', [
    'mlsched features serve --data STORE --redis redis://127.0.0.1:6379 --port 8083',
    'mlsched features serve --data STORE --kubernetes    # workload features too, from the API server',
  ])
    .option('--interval-seconds <number>', 'distance of two rounds', wholeNumber(1), 30)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option(
      '--port <number>',
      'port of /metrics, /readyz and /v1/features; 0 picks a free one',
      wholeNumber(0),
      8083,
    )
    .option('--kubernetes', 'follow the pods of the cluster, as kubectl finds it', false)
    .option('--kubeconfig <path>', 'kubeconfig of that cluster')
    .action((options) =>
      runCommand(
        {
          name: 'features serve',
          async run(context) {
            const { runFeatureService } = await import('#services/features-push');
            const { kubeconfig } = options;
            await runFeatureService({
              dataDirectory: dataDirectory(options.data, 'load', context),
              place: placeOf(options),
              cluster: options.cluster,
              intervalSeconds: options.intervalSeconds,
              host: options.host,
              port: options.port,
              ...(options.kubernetes ? { kubernetes: kubeconfig === undefined ? {} : { kubeconfig } } : {}),
              // The first line tells where it listens, so that a script may ask for a free port.
              onListening: (address) => process.stdout.write(`${JSON.stringify({ listening: address })}\n`),
            });
            return { status: 'ok' as const, data: { ended: true } };
          },
          print: () => '',
        },
        options,
      ),
    );
}
