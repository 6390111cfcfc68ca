import { readFile } from 'node:fs/promises';
import { Command } from '@commander-js/extra-typings';
import { MlschedError } from '#kernel/errors';
import { createCommand } from '../options.ts';
import { printConfigCheck } from '../printers/config.ts';
import { runCommand } from '../run-command.ts';

export function configCommand() {
  return new Command('config')
    .description('Configurations of the scheduler and of our service.')
    .addCommand(checkCommand());
}

function checkCommand() {
  return createCommand(
    'check',
    'Find what in a KubeSchedulerConfiguration, or in our own configuration, is unsafe, slow or without effect.',
    [
      'mlsched config check scheduler.yaml',
      'mlsched config check mlsched.yaml -o json    # exit code 3 with findings',
    ],
  )
    .argument(
      '<file>',
      'KubeSchedulerConfiguration (also inside a ConfigMap), or configuration of `serve scheduler`',
    )
    .action((file, options) =>
      runCommand(
        {
          name: 'config check',
          async run() {
            const { checkConfig } = await import('#scheduler');
            const reports = checkConfig(await readConfigFile(file), file);
            const hasFinding = reports.some(({ findings }) => findings.length > 0);
            return { status: hasFinding ? ('finding' as const) : ('ok' as const), data: { reports } };
          },
          print: printConfigCheck,
        },
        options,
      ),
    );
}

/** @throws MlschedError `MLS_CLI_CONFIG_MISSING`. */
export async function readConfigFile(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new MlschedError('MLS_CLI_CONFIG_MISSING', `cannot read ${file}`, {
      kind: 'not-found',
      hint: 'Check the path of the configuration.',
      details: { file },
      cause,
    });
  });
}
