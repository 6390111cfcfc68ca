import { Command } from '@commander-js/extra-typings';
import { join, resolve } from 'node:path';
import { dataDirectory, stateDirectory } from '../locations.ts';
import { createCommand } from '../options.ts';
import { printBaseline } from '../printers/baseline.ts';
import { runCommand } from '../run-command.ts';
import { readVersions } from './version.ts';

export function baselineCommand() {
  return new Command('baseline')
    .description('The present cluster in numbers, to compare with later.')
    .addCommand(reportCommand());
}

function reportCommand() {
  return createCommand('report', 'Measure how the cluster is used now and write it as a page with plots.', [
    'mlsched baseline report --store DIR               # a store of `collect history`',
    'mlsched baseline report --data DIR --out FILE     # any folder of load data',
  ])
    .option('--store <directory>', 'store of the history')
    .option('--data <directory>', 'folder of load Parquet files (default: smd-nodes in the data root)')
    .option('--out <file>', 'page to write (default: baseline.html in MLSCHED_HOME)')
    .action((options) =>
      runCommand(
        {
          name: 'baseline report',
          async run(context) {
            const { measureBaseline, readBaselineInput, renderBaseline } = await import('#operations');
            const { writeFileAtomic } = await import('#platform/files');
            const directory = dataDirectory(options.store ?? options.data, 'load', context);
            const path = resolve(options.out ?? join(stateDirectory(), 'baseline.html'));
            const report = measureBaseline(await readBaselineInput(directory, context.progress));
            const page = renderBaseline({
              report,
              createdAtMs: Date.now(),
              dataDirectory: directory,
              version: readVersions().mlsched,
            });
            await writeFileAtomic(path, page);
            return { status: 'ok' as const, data: { path, ...withoutTimelines(report) } };
          },
          print: printBaseline,
        },
        options,
      ),
    );
}

type Report = ReturnType<typeof import('#operations').measureBaseline>;

/** The numbers of a report; the curves stay in the page. */
function withoutTimelines({ cpu, memory, profiles: _profiles, ...rest }: Report) {
  const { timeline: _cpu, ...cpuNumbers } = cpu;
  if (memory === undefined) return { ...rest, cpu: cpuNumbers, memory: null };
  const { timeline: _memory, ...memoryNumbers } = memory;
  return { ...rest, cpu: cpuNumbers, memory: memoryNumbers };
}
