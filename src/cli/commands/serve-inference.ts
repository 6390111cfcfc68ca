import { Option } from '@commander-js/extra-typings';
import { createCommand, nameList, portNumber, wholeNumber } from '../options.ts';
import { stateDirectory } from '../locations.ts';
import { runService } from '../run-service.ts';
import { readVersions } from './version.ts';

export function serveInferenceCommand() {
  return createCommand(
    'inference',
    'Answer the Open Inference Protocol (v1 and v2) for the trained models.',
    [
      'mlsched serve inference --port 8080',
      'mlsched serve inference --models load-forecast --alias challenger --port 0',
    ],
  )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <number>', 'port to listen on; 0 picks a free one', portNumber, 8080)
    .option('--models <names>', 'which models, separated by commas', nameList, [
      'load-forecast',
      'placement',
      'node-anomaly',
    ])
    .option('--alias <name>', 'alias or version that answers; a moved alias is followed', 'champion')
    .addOption(
      new Option('--booster <file...>', 'XGBoost model files to serve beside them, by file name').default(
        [] as string[],
      ),
    )
    .option('--refresh <seconds>', 'distance of two looks at the alias', wholeNumber(1), 10)
    .action((options) =>
      runService({
        name: 'serve inference',
        async start(log) {
          const [{ startInference }, { modelNamed }, { openModelRegistry }] = await Promise.all([
            import('#services/inference'),
            import('#services/promotion'),
            import('#services/models'),
          ]);
          const { server, port } = await startInference({
            registry: openModelRegistry(stateDirectory(), { note: (line) => log.warning(line) }),
            reference: options.alias,
            models: options.models.map(modelNamed),
            boosterFiles: options.booster,
            host: options.host,
            port: options.port,
            log,
            version: readVersions().mlsched,
            refreshSeconds: options.refresh,
          });
          return {
            announcement: { host: options.host, port, models: server.repository.names },
            close: () => server.close(),
          };
        },
      }),
    );
}
