import { createCommand, portNumber } from '../options.ts';
import { stateDirectory } from '../locations.ts';
import { storeDirectory } from '../prometheus-options.ts';
import { runService } from '../run-service.ts';

/** In the repository; an installation gives the address at which its people read it. */
const RUNBOOK = 'docs/runbooks/node-anomaly.md';

export function serveHealthCommand() {
  return createCommand(
    'health',
    'Judge nodes as their samples come in, keep incidents and tell Alertmanager.',
    [
      'mlsched serve health --alertmanager http://alertmanager:9093',
      'mlsched serve health --alertmanager https://alertmanager --token-file token --ca-file ca.pem --alike',
    ],
  )
    .option(
      '--store <directory>',
      "what 'mlsched collect live' writes (default: history in the state directory)",
    )
    .option('--model <reference>', 'alias, version or folder of the health model', 'champion')
    .option('--alertmanager <url>', 'where alerts go; without it incidents are only written down')
    .option('--token-file <file>', 'file with a bearer token for it; read again for each request')
    .option('--ca-file <file>', 'PEM file of the authority that signed its certificate')
    .option('--cluster <name>', 'label of each alert')
    .option('--runbook <url>', 'link of each alert', RUNBOOK)
    .option('--alike', "all nodes are peers: what most of them show is nobody's fault", false)
    .option('--host <address>', 'address of the incidents, /metrics, /livez and /readyz', '127.0.0.1')
    .option('--port <number>', 'port for them; 0 picks a free one', portNumber, 9181)
    .action((options) =>
      runService({
        name: 'serve health',
        async start(log) {
          const { startHealthWatch } = await import('#services/health-watch');
          const { alertmanager, tokenFile, caFile, cluster } = options;
          const watch = await startHealthWatch({
            storeDirectory: storeDirectory(options.store),
            stateDirectory: stateDirectory(),
            model: options.model,
            ...(alertmanager !== undefined && {
              alertmanager: {
                baseUrl: alertmanager,
                ...(tokenFile !== undefined && { tokenFile }),
                ...(caFile !== undefined && { caFile }),
              },
            }),
            text: { runbookUrl: options.runbook, ...(cluster !== undefined && { labels: { cluster } }) },
            areAlike: options.alike,
            host: options.host,
            port: options.port,
            log,
          });
          return { announcement: { host: options.host, port: watch.port }, close: () => watch.close() };
        },
      }),
    );
}
