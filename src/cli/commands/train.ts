import { Argument, Option } from '@commander-js/extra-typings';
import type { ModelArtefact, ModelName } from '#domain';
import type { CommandContext } from '../context.ts';
import { createCommand, wholeNumber } from '../options.ts';
import { dataDirectory, stateDirectory } from '../locations.ts';
import { printTrained } from '../printers/train.ts';
import { runCommand } from '../run-command.ts';

const SUBJECTS = {
  forecast: ['load-forecast'],
  anomaly: ['node-anomaly'],
  placement: ['placement'],
  all: ['load-forecast', 'node-anomaly', 'placement'],
} as const satisfies Readonly<Record<string, readonly ModelName[]>>;
type Subject = keyof typeof SUBJECTS;

export function trainCommand() {
  return createCommand('train', 'Train models and store them in the registry as champion.', [
    'mlsched train forecast --data DIR    # a folder of load Parquet files',
    'mlsched train all --data ROOT        # a data root with smd-nodes/, google-vms/, ...',
  ])
    .addArgument(new Argument('<what>', 'which models').choices(Object.keys(SUBJECTS) as Subject[]))
    .option('--data <directory>', 'load data for forecast and anomaly, a data root for placement and all')
    .addOption(
      new Option('--budget <name>', 'demo: seconds; full: the best model, minutes')
        .choices(['demo', 'full'] as const)
        .default('full' as const),
    )
    .option(
      '--continue-from <reference>',
      'forecast only: keep the trees of this model and add to them; alias, version or folder',
    )
    .option('--last-days <number>', 'forecast only: learn from the last days alone', wholeNumber(2))
    .option('--force', 'train although the history is below the quality bar', false)
    .action((what, options) =>
      runCommand(
        {
          name: `train ${what}`,
          async run(context) {
            const [{ trainModels }, { openModelRegistry, openRunTracker }] = await Promise.all([
              import('#services/train'),
              import('#services/models'),
            ]);
            const isRooted = what === 'all' || what === 'placement';
            const root = dataDirectory(isRooted ? options.data : undefined, 'placement', context);
            const trained = await trainModels({
              models: SUBJECTS[what],
              loadDirectory: isRooted ? loadBelow(root) : dataDirectory(options.data, 'load', context),
              placementRoot: root,
              registry: openModelRegistry(stateDirectory(), context),
              tracker: openRunTracker(stateDirectory(), context),
              stateDirectory: stateDirectory(),
              budget: options.budget,
              seed: context.seed,
              isForced: options.force,
              forecast: await continuation(options, context),
              tags: {},
              alias: 'champion',
              progress: context.progress,
            });
            return { status: 'ok' as const, data: { models: trained.map(({ version }) => version) } };
          },
          print: printTrained,
        },
        options,
      ),
    );
}

/** What of an earlier forecast and of the history is used. */
async function continuation(
  options: { readonly continueFrom?: string | undefined; readonly lastDays?: number | undefined },
  context: CommandContext,
): Promise<{ continueFrom?: ModelArtefact; lastDays?: number }> {
  const days = options.lastDays === undefined ? {} : { lastDays: options.lastDays };
  if (options.continueFrom === undefined) return days;
  const { loadModel } = await import('#services/models');
  const artefact = await loadModel(stateDirectory(), 'load-forecast', options.continueFrom, context);
  return { ...days, continueFrom: artefact };
}

function loadBelow(root: string): string {
  return `${root}/smd-nodes`;
}
