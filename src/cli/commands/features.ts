import { Command, Option } from '@commander-js/extra-typings';
import { createCommand } from '../options.ts';
import { printFeatures } from '../printers/features.ts';
import { runCommand } from '../run-command.ts';
import { buildFeaturesCommand } from './features-build.ts';
import { compareFeaturesCommand, validateFeaturesCommand } from './features-judge.ts';
import { pushFeaturesCommand, serveFeaturesCommand } from './features-online.ts';

export function featuresCommand() {
  return new Command('features')
    .description('Features of nodes, workloads and the cluster: build, check, store online, compare.')
    .addCommand(listCommand() as unknown as Command)
    .addCommand(buildFeaturesCommand() as unknown as Command)
    .addCommand(validateFeaturesCommand() as unknown as Command)
    .addCommand(pushFeaturesCommand() as unknown as Command)
    .addCommand(serveFeaturesCommand() as unknown as Command)
    .addCommand(compareFeaturesCommand() as unknown as Command);
}

const VIEWS = ['node_state', 'node_load_cpu', 'node_load_memory', 'workload_state', 'cluster_state'] as const;

function listCommand() {
  return createCommand('list', 'List features: name, unit and meaning.', [
    'mlsched features list                      # what the load forecast reads',
    'mlsched features list --view node_state',
    'mlsched features list -o json',
  ])
    .addOption(
      new Option('--view <name>', 'which feature row')
        .choices(VIEWS)
        .default('node_load_cpu' as (typeof VIEWS)[number]),
    )
    .action((options) =>
      runCommand(
        {
          name: 'features list',
          async run() {
            const { featureView, FEATURE_VIEWS } = await import('#features');
            const view = featureView(options.view);
            return {
              status: 'ok' as const,
              data: {
                view: view.name,
                entity: view.entity,
                schemaVersion: view.version,
                count: view.features.length,
                features: view.features,
                views: FEATURE_VIEWS.map(({ name, entity, version, features, description }) => ({
                  name,
                  entity,
                  version,
                  count: features.length,
                  description,
                })),
              },
            };
          },
          print: printFeatures,
        },
        options,
      ),
    );
}
