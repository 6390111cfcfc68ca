import { CommanderError } from '@commander-js/extra-typings';
import { EXIT_DONE, EXIT_USAGE } from './context.ts';
import { errorEnvelope } from './envelope.ts';
import { createProgram } from './program.ts';
import { formatError, serialise } from './run-command.ts';

/** A reader that closes early (`| head`) is no failure. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_DONE);
  throw error;
});

const args = process.argv.slice(2);
const program = createProgram();
try {
  await program.parseAsync(args, { from: 'user' });
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE;
  if (error.exitCode !== 0) await reportUsage(error);
}

/** The format that was asked for, although parsing failed: a reader of JSON gets JSON also then. */
function wantedFormat(): 'table' | 'json' | 'yaml' {
  const at = args.findIndex((arg) => arg === '-o' || arg === '--output');
  const value =
    at >= 0 ? args[at + 1] : args.find((arg) => arg.startsWith('--output='))?.slice('--output='.length);
  return value === 'json' || value === 'yaml' ? value : 'table';
}

async function reportUsage(error: CommanderError): Promise<void> {
  const command = args
    .slice(
      0,
      Math.max(
        0,
        args.findIndex((arg) => arg.startsWith('-')),
      ),
    )
    .join(' ');
  const described = {
    code: 'MLS_CLI_USAGE',
    message: error.message.replace(/^error: /, '').replace(/\n/g, ' '),
    hint: `See ${['mlsched', command, '--help'].filter((word) => word !== '').join(' ')}.`,
  };
  const format = wantedFormat();
  if (format === 'table') process.stderr.write(formatError(described));
  else process.stdout.write(await serialise(errorEnvelope(command, described), format));
}
