import { createCommand } from '../options.ts';
import { dataDirectory } from '../locations.ts';
import { printQuality } from '../printers/quality.ts';
import { runCommand } from '../run-command.ts';

export function qualityCommand() {
  return createCommand('quality', 'Score a load history: is it good enough to learn from?', [
    'mlsched quality --data DIR',
    'mlsched quality --store DIR     # a store of mlsched collect',
    'mlsched quality --data DIR -o json    # exit code 3 when a metric is below the bar',
  ])
    .option('--data <directory>', 'folder of load Parquet files (default: smd-nodes in the data root)')
    .option('--store <directory>', 'store filled by `mlsched collect`; its age counts too')
    .action((options) =>
      runCommand(
        {
          name: 'quality',
          async run(context) {
            const { assessQuality, assessStore, readLoadHistory } = await import('#collect');
            const directory = options.store ?? dataDirectory(options.data, 'load', context);
            const { series, findings } = await readLoadHistory(directory, { progress: context.progress });
            const report = assessQuality(series, {
              findings,
              ...(options.store !== undefined && { asOfMs: Date.now() }),
            });
            return {
              status: report.verdict === 'pass' ? ('ok' as const) : ('finding' as const),
              data: {
                ...report,
                ...(options.store !== undefined && { store: await assessStore(options.store, Date.now()) }),
              },
            };
          },
          print: printQuality,
        },
        options,
      ),
    );
}
