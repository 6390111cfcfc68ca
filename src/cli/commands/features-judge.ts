import { resolve } from 'node:path';
import { createCommand, wholeNumber } from '../options.ts';
import { dataDirectory } from '../locations.ts';
import { printComparison, printFeatureReport } from '../printers/features-judge.ts';
import { runCommand } from '../run-command.ts';

export function validateFeaturesCommand() {
  return createCommand(
    'validate',
    'Check built features: columns, versions, ranges, unknown values, drift.',
    [
      'mlsched features validate --data features',
      'mlsched features validate --data features --hours 24 -o json    # exit code 3 on a finding',
    ],
  )
    .requiredOption('--data <directory>', 'folder that `features build` wrote')
    .option(
      '--reference <directory>',
      'another such folder that is sound (default: the time before the judged hours)',
    )
    .option(
      '--hours <number>',
      'judge the newest hours (default: the newest fifth of the span)',
      wholeNumber(1),
    )
    .action((options) =>
      runCommand(
        {
          name: 'features validate',
          async run(context) {
            const { validateFeatures } = await import('#services/features-validate');
            const report = await validateFeatures({
              directory: resolve(options.data),
              progress: context.progress,
              ...(options.hours === undefined ? {} : { hours: options.hours }),
              ...(options.reference === undefined ? {} : { referenceDirectory: resolve(options.reference) }),
            });
            return {
              status: report.verdict === 'pass' ? ('ok' as const) : ('finding' as const),
              data: report,
            };
          },
          print: printFeatureReport,
        },
        options,
      ),
    );
}

export function compareFeaturesCommand() {
  return createCommand(
    'compare',
    'Which of two feature sets forecasts better? A verdict with its interval.',
    [
      'mlsched features compare --data STORE --a all --b all,-seasonal',
      'mlsched features compare --a recent,rolling --b all --horizons 5,60 -o json',
    ],
  )
    .option(
      '--data <directory>',
      'collected store or folder of load Parquet files (default: smd-nodes in the data root)',
    )
    .option('--a <set>', 'groups and features of the forecast, comma-separated; - takes out', 'all')
    .requiredOption('--b <set>', 'the set that it is compared with')
    .option('--horizons <minutes>', 'of 5, 15, 30, 60; comma-separated', '15')
    .action((options) =>
      runCommand(
        {
          name: 'features compare',
          async run(context) {
            const { compareFeatures, parseHorizons } = await import('#services/features-compare');
            const comparison = await compareFeatures({
              dataDirectory: dataDirectory(options.data, 'load', context),
              setA: options.a,
              setB: options.b,
              horizons: parseHorizons(options.horizons),
              seed: context.seed,
              progress: context.progress,
            });
            return { status: 'ok' as const, data: comparison };
          },
          print: printComparison,
        },
        options,
      ),
    );
}
