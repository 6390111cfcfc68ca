import { createCommand, portNumber } from '../options.ts';
import { dataRoot, stateDirectory } from '../locations.ts';
import { runService } from '../run-service.ts';
import { readConfigFile } from './config.ts';
import { readVersions } from './version.ts';

/** `mlsched serve scheduler`. */
export function serveSchedulerCommand() {
  return createCommand(
    'scheduler',
    'The decision service that kube-scheduler asks, by its plugin or as an extender. In shadow mode until told otherwise.',
    [
      'mlsched serve scheduler --replay hosts-24 --port 0     # without a cluster',
      'mlsched serve scheduler --config mlsched.yaml',
      'mlsched serve scheduler --kubeconfig ~/.kube/config --prometheus http://prometheus:9090',
    ],
  )
    .option('--config <file>', 'configuration (docs/reference/scheduler-config.md)')
    .option('--host <address>', 'address to listen on')
    .option('--port <number>', '0 picks a free port', portNumber)
    .option('--kubeconfig <file>', 'follow this cluster')
    .option('--prometheus <url>', 'measure load there')
    .option('--replay <scenario>', 'replay a recorded cluster instead: built-in name or path of a scenario')
    .action((options) =>
      runService({
        name: 'serve scheduler',
        async start(log) {
          const [{ parseServiceConfig }, { startScheduler }] = await Promise.all([
            import('#scheduler'),
            import('#services/scheduler'),
          ]);
          const { config: file = 'command line' } = options;
          const text = options.config === undefined ? '' : await readConfigFile(options.config);
          const config = withFlags(parseServiceConfig(text, file), options);
          const service = await startScheduler({
            config,
            stateDirectory: stateDirectory(),
            dataRoot: dataRoot(),
            version: readVersions().mlsched,
            log,
          });
          const { port, probesPort } = service;
          return {
            announcement: { host: config.listen.host, port, probesPort },
            close: () => service.close(),
          };
        },
      }),
    );
}

type Config = import('#scheduler').ServiceConfig;

interface Flags {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly kubeconfig?: string | undefined;
  readonly prometheus?: string | undefined;
  readonly replay?: string | undefined;
}

/** Flags win over the file. */
function withFlags(config: Config, { host, port, kubeconfig, prometheus, replay }: Flags): Config {
  const { listen, cluster, load } = config;
  return {
    ...config,
    listen: { host: host ?? listen.host, port: port ?? listen.port },
    cluster: {
      ...cluster,
      ...(kubeconfig === undefined ? {} : { source: 'kubernetes', kubeconfig }),
      ...(replay === undefined ? {} : { source: 'replay', scenario: replay }),
    },
    load: {
      ...load,
      ...(prometheus === undefined ? {} : { source: 'prometheus', prometheusUrl: prometheus }),
    },
  };
}
