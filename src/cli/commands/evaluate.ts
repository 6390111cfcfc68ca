import { Command, Option } from '@commander-js/extra-typings';
import { createCommand } from '../options.ts';
import { dataDirectory, stateDirectory } from '../locations.ts';
import { printAnomalyReport } from '../printers/evaluate-anomaly.ts';
import { printForecastEvaluation } from '../printers/evaluate-forecast.ts';
import { runCommand } from '../run-command.ts';

export function evaluateCommand() {
  return new Command('evaluate')
    .description('Judge a model on data that it never saw, beside simple rivals.')
    .addCommand(forecastCommand() as unknown as Command)
    .addCommand(anomalyCommand() as unknown as Command);
}

function forecastCommand() {
  return createCommand('forecast', 'Judge the load forecast beside naive rivals on the same rows.', [
    'mlsched evaluate forecast --data DIR -o json',
    'mlsched evaluate forecast --data DIR --model champion    # nothing is trained',
  ])
    .option('--data <directory>', 'folder of load Parquet files (default: smd-nodes in the data root)')
    .addOption(
      new Option('--protocol <name>', 'time: the future of known machines; machines: machines never seen')
        .choices(['time', 'machines'] as const)
        .default('time' as const),
    )
    .option(
      '--model <reference>',
      'alias, version or folder of a saved model; without it one is trained on the data',
    )
    .action((options) =>
      runCommand(
        {
          name: 'evaluate forecast',
          async run(context) {
            const [{ evaluateForecast }, { loadModel }] = await Promise.all([
              import('#training'),
              import('#services/models'),
            ]);
            const directory = dataDirectory(options.data, 'load', context);
            const saved =
              options.model === undefined
                ? {}
                : { artefact: await loadModel(stateDirectory(), 'load-forecast', options.model, context) };
            const { seed, progress } = context;
            const evaluation = await evaluateForecast({
              dataDirectory: directory,
              protocol: options.protocol,
              seed,
              progress,
              ...saved,
            });
            return { status: 'ok' as const, data: evaluation };
          },
          print: printForecastEvaluation,
        },
        options,
      ),
    );
}

function anomalyCommand() {
  return createCommand('anomaly', 'Judge the anomaly model on labelled machines beside four rivals.', [
    'mlsched evaluate anomaly --data DIR',
    'mlsched evaluate anomaly --data DIR -o json',
  ])
    .option('--data <directory>', 'folder of labelled machines (default: smd in the data root)')
    .action((options) =>
      runCommand(
        {
          name: 'evaluate anomaly',
          async run(context) {
            const { evaluateAnomaly } = await import('#training');
            const { seed, progress } = context;
            const report = await evaluateAnomaly({
              dataDirectory: dataDirectory(options.data, 'health', context),
              seed,
              progress,
            });
            return { status: 'ok' as const, data: report };
          },
          print: printAnomalyReport,
        },
        options,
      ),
    );
}
