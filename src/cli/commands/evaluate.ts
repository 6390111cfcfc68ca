import { Command, Option } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import type { ForecastEvaluation } from '#training';
import type { CommandContext } from '../context.ts';
import { createCommand } from '../options.ts';
import { readVersions } from './version.ts';
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
    .option('--report <file>', 'also write an HTML report: errors by horizon, hour, machine and load')
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
              traces: options.report === undefined ? 0 : REPORT_TRACES,
              details: options.report !== undefined,
              ...saved,
            });
            if (options.report !== undefined)
              await writeReport(options.report, directory, evaluation, context);
            // The curves are in the report; here they would drown the numbers.
            return { status: 'ok' as const, data: { ...evaluation, traces: [], details: [] } };
          },
          print: printForecastEvaluation,
        },
        options,
      ),
    );
}

/** Example stretches a resource in the report. */
const REPORT_TRACES = 3;

async function writeReport(
  path: string,
  dataDirectory: string,
  evaluation: ForecastEvaluation,
  context: CommandContext,
): Promise<void> {
  const [{ renderForecastReport }, { writeFileAtomic }] = await Promise.all([
    import('#operations'),
    import('#platform/files'),
  ]);
  const version = readVersions().mlsched;
  const page = renderForecastReport({ createdAtMs: Date.now(), dataDirectory, version, evaluation });
  await writeFileAtomic(resolve(path), page);
  context.note(`report: ${resolve(path)}`);
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
