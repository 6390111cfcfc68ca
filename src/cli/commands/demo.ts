import { formatDuration } from '#kernel/units';
import { createCommand, wholeNumber } from '../options.ts';
import { dataDirectory, stateDirectory } from '../locations.ts';
import { printDemo } from '../printers/demo.ts';
import { runCommand } from '../run-command.ts';
import { readVersions } from './version.ts';

export function demoCommand() {
  return createCommand(
    'demo',
    'Run the main job on a real trace: train, judge, compare policies, write a report.',
    ['mlsched demo', 'mlsched demo --seeds 10    # narrower intervals'],
  )
    .option('--seeds <number>', 'paired seeds of the comparison', wholeNumber(2), 5)
    .action((options) =>
      runCommand(
        {
          name: 'demo',
          async run(context) {
            const { runDemo } = await import('#services/demo');
            const startedMs = performance.now();
            const result = await runDemo({
              dataRoot: dataDirectory(undefined, 'placement', context),
              stateDirectory: stateDirectory(),
              version: readVersions().mlsched,
              seed: context.seed,
              seeds: options.seeds,
              progress: context.progress,
              note: (line) =>
                context.note(`${line}  (after ${formatDuration(performance.now() - startedMs)})`),
            });
            return { status: 'ok' as const, data: result };
          },
          print: printDemo,
        },
        options,
      ),
    );
}
