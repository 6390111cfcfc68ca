import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';

/** Reads a whole number of at least `least`; commander turns the error into a usage error. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`);
    }
    return value;
  };
}

/** Reads a comma-separated list without empty entries. */
export function nameList(text: string): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw new InvalidArgumentError('expected names separated by commas.');
  return names;
}

/** A sub-command with the options that all commands share, so that the same flag means the same everywhere. */
export function createCommand(name: string, summary: string, examples: readonly string[]) {
  return new Command(name)
    .description(summary)
    .addOption(
      new Option('-o, --output <format>', 'form of the answer')
        .choices(['table', 'json', 'yaml'] as const)
        .default('table' as const),
    )
    .addOption(
      new Option('--progress <mode>', 'how progress is shown on standard error')
        .choices(['auto', 'plain', 'json', 'none'] as const)
        .default('auto' as const),
    )
    .option('--seed <number>', 'seed of everything that is drawn by chance', wholeNumber(0), 1)
    .option('--debug', 'show the stack of an error', false)
    .addHelpText(
      'beforeAll',
      examples.length > 0 ? `Examples:\n${examples.map((line) => `  ${line}`).join('\n')}\n` : '',
    );
}

/** Reads a TCP port; 0 stands for any free one. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('expected a port between 0 and 65535.');
  return port;
}

/** Reads a share in 0..1, the ends left out. */
export function ratio(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1))
    throw new InvalidArgumentError('expected a share between 0 and 1, such as 0.6.');
  return value;
}
