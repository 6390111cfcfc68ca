import { Command } from '@commander-js/extra-typings';
import { createCommand } from '../options.ts';
import { printFeatures } from '../printers/features.ts';
import { runCommand } from '../run-command.ts';

export function featuresCommand() {
  return new Command('features').description('The features that the models read.').addCommand(listCommand());
}

function listCommand() {
  return createCommand('list', 'List every feature of the load forecast: name, unit and meaning.', [
    'mlsched features list',
    'mlsched features list -o json',
  ]).action((options) =>
    runCommand(
      {
        name: 'features list',
        async run() {
          const { FEATURE_CATALOGUE, FEATURE_SCHEMA_VERSION } = await import('#features');
          return {
            status: 'ok' as const,
            data: {
              schemaVersion: FEATURE_SCHEMA_VERSION,
              count: FEATURE_CATALOGUE.length,
              features: FEATURE_CATALOGUE,
            },
          };
        },
        print: printFeatures,
      },
      options,
    ),
  );
}
