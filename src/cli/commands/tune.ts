import { join } from 'node:path';
import { Command, Option } from '@commander-js/extra-typings';
import { HORIZON_MINUTES, LOAD_TARGETS } from '#domain';
import type { HorizonMinutes, LoadTarget } from '#domain';
import { createCommand, wholeNumber } from '../options.ts';
import { dataDirectory, REPOSITORY_ROOT, stateDirectory } from '../locations.ts';
import { printForecastTuning } from '../printers/tune-forecast.ts';
import { runCommand } from '../run-command.ts';

export function tuneCommand() {
  return new Command('tune')
    .description('Search better parameters for a model.')
    .addCommand(forecastCommand() as unknown as Command);
}

function forecastCommand() {
  return createCommand(
    'forecast',
    'Search the parameters of the load forecast by Optuna on rolling origins.',
    [
      'mlsched tune forecast --data DIR --trials 50',
      'mlsched tune forecast --data DIR --trials 100 --parallel 2    # goes on where the last one stopped',
    ],
  )
    .option('--data <directory>', 'folder of load Parquet files (default: smd-nodes in the data root)')
    .option('--trials <number>', 'trials in all, those of earlier runs included', wholeNumber(1), 30)
    .option('--parallel <number>', 'trials at the same time, one core each', wholeNumber(1), 1)
    .addOption(new Option('--target <name>', 'judge trials on this resource alone').choices(LOAD_TARGETS))
    .addOption(
      new Option('--horizon <minutes>', 'judge trials at this horizon alone').choices(
        HORIZON_MINUTES.map(String),
      ),
    )
    .option('--space <file>', 'what is searched (default: configs/tuning/forecast.yaml)')
    .action((options) =>
      runCommand(
        {
          name: 'tune forecast',
          async run(context) {
            const [{ tuneForecast }, { openRunTracker }] = await Promise.all([
              import('#training'),
              import('#services/models'),
            ]);
            const home = stateDirectory();
            const { seed, progress } = context;
            const { trials, parallel } = options;
            const tuning = await tuneForecast({
              dataDirectory: dataDirectory(options.data, 'load', context),
              searchSpacePath: options.space ?? join(REPOSITORY_ROOT, 'configs/tuning/forecast.yaml'),
              storagePath: join(home, 'tuning', 'forecast.journal'),
              tracker: openRunTracker(home, context),
              trials,
              parallel,
              ...judgedOn(options),
              seed,
              progress,
            });
            return { status: 'ok' as const, data: tuning };
          },
          print: printForecastTuning,
        },
        options,
      ),
    );
}

function judgedOn(options: {
  readonly target?: LoadTarget | undefined;
  readonly horizon?: string | undefined;
}): { targets?: LoadTarget[]; horizons?: HorizonMinutes[] } {
  const horizons = HORIZON_MINUTES.filter((minutes) => String(minutes) === options.horizon);
  return {
    ...(options.target === undefined ? {} : { targets: [options.target] }),
    ...(horizons.length === 0 ? {} : { horizons }),
  };
}
