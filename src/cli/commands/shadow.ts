import { join } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import { HOUR_MS } from '#kernel/units';
import { createCommand, wholeNumber } from '../options.ts';
import { stateDirectory } from '../locations.ts';
import { printShadow } from '../printers/shadow.ts';
import { runCommand } from '../run-command.ts';

export function shadowCommand() {
  return new Command('shadow')
    .description('What the service would have done, without any effect.')
    .addCommand(reportCommand());
}

function reportCommand() {
  return createCommand(
    'report',
    'Judge a time in shadow mode: agreement, regret, forecast against real load, and whether to go on. Exit code 3 unless it says go.',
    ['mlsched shadow report', 'mlsched shadow report --journal DIR --hours 48 -o json'],
  )
    .option('--journal <directory>', 'journal to read (default: the one in the state directory)')
    .option('--since-hours <number>', 'only the last so many hours', wholeNumber(1))
    .option('--hours <number>', 'shadow time that it takes to tell', wholeNumber(1), 48)
    .option('--decisions <number>', 'decisions that it takes to tell', wholeNumber(1), 200)
    .action((options) =>
      runCommand(
        {
          name: 'shadow report',
          async run() {
            const { judgeShadow, readJournal } = await import('#scheduler');
            const directory = options.journal ?? join(stateDirectory(), 'journal');
            const sinceMs = options.sinceHours === undefined ? 0 : Date.now() - options.sinceHours * HOUR_MS;
            const verdict = judgeShadow(await readJournal({ directory, sinceMs }), {
              minHours: options.hours,
              minDecisions: options.decisions,
              seed: options.seed,
            });
            return {
              status: verdict.verdict === 'go' ? ('ok' as const) : ('finding' as const),
              data: verdict,
            };
          },
          print: printShadow,
        },
        options,
      ),
    );
}
