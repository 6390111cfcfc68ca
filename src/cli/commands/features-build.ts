import { resolve } from 'node:path';
import { createCommand, nameList, wholeNumber } from '../options.ts';
import { dataDirectory } from '../locations.ts';
import { printBuilt } from '../printers/features-build.ts';
import { runCommand } from '../run-command.ts';

export function buildFeaturesCommand() {
  return createCommand('build', 'Compute features of a history into Parquet files, as Feast reads them.', [
    'mlsched features build --data STORE --out features',
    'mlsched features build --data STORE --out features --views node_state --step-seconds 30',
  ])
    .option(
      '--data <directory>',
      'collected store or folder of load Parquet files (default: smd-nodes in the data root)',
    )
    .requiredOption(
      '--out <directory>',
      'folder for the result: a folder a view, a file an entity, features.json',
    )
    .option('--views <names>', 'node_state, cluster_state, node_load_cpu, node_load_memory', nameList, [
      'node_state',
      'cluster_state',
    ])
    .option('--step-seconds <number>', 'distance of two rows, a multiple of 30', wholeNumber(30), 300)
    .option('--cluster <name>', 'name of the cluster in its rows', 'default')
    .action((options) =>
      runCommand(
        {
          name: 'features build',
          async run(context) {
            const { buildFeatures, checkViews } = await import('#services/features-build');
            const built = await buildFeatures({
              dataDirectory: dataDirectory(options.data, 'load', context),
              outDirectory: resolve(options.out),
              views: checkViews(options.views),
              stepSeconds: options.stepSeconds,
              cluster: options.cluster,
              progress: context.progress,
            });
            return { status: 'ok' as const, data: built };
          },
          print: printBuilt,
        },
        options,
      ),
    );
}
