import { isMlschedError } from '#kernel/errors';
import { createProgressDisplay } from './progress-bar.ts';
import type { ProgressDisplay } from './progress-bar.ts';
import { describeError, errorEnvelope, resultEnvelope } from './envelope.ts';
import type { Envelope, EnvelopeError } from './envelope.ts';
import { EXIT_DONE, EXIT_FAILED, EXIT_FINDING, EXIT_INTERRUPTED } from './context.ts';
import type { CommandContext, CommandResult, OutputFormat, ProgressMode } from './context.ts';

/** Options that every command has. */
export interface CommonOptions {
  readonly output: OutputFormat;
  readonly progress: ProgressMode;
  readonly debug: boolean;
  readonly seed: number;
}

/** One command: what it does, and how its answer looks to a person. */
export interface CommandSpec<Data> {
  /** As typed, without options: `evaluate forecast`. */
  readonly name: string;
  /** True for a service, which ends in order on SIGINT and SIGTERM by itself. */
  readonly isService?: boolean;
  run(context: CommandContext): Promise<CommandResult<Data>>;
  print(data: Data, context: CommandContext): string;
}

/**
 * Runs a command, writes its answer or its error, and sets the exit code.
 *
 * @remarks Standard output carries the answer alone, whether piped or not; everything else goes to standard error.
 */
export async function runCommand<Data>(spec: CommandSpec<Data>, options: CommonOptions): Promise<void> {
  const display = createProgressDisplay(options.progress, process.stderr, Date.now);
  const context = createContext(options, display);
  if (spec.isService !== true) exitOnInterrupt(display);
  try {
    const result = await spec.run(context);
    display.clear();
    const text =
      options.output === 'table'
        ? spec.print(result.data, context)
        : await serialise(resultEnvelope(spec.name, result), options.output);
    process.stdout.write(text);
    process.exitCode = result.status === 'finding' ? EXIT_FINDING : EXIT_DONE;
  } catch (error) {
    display.clear();
    await reportError(spec.name, error, options);
    process.exitCode = EXIT_FAILED;
  }
}

function createContext(options: CommonOptions, display: ProgressDisplay): CommandContext {
  return {
    output: options.output,
    seed: options.seed,
    progress: display,
    note(line) {
      display.clear();
      process.stderr.write(`${line}\n`);
    },
  };
}

function exitOnInterrupt(display: ProgressDisplay): void {
  process.once('SIGINT', () => {
    display.clear();
    process.stderr.write('interrupted; files are replaced whole, so none is half-written\n');
    void import('#native').then(({ exitAtOnce }) => exitAtOnce(EXIT_INTERRUPTED));
  });
}

async function reportError(command: string, error: unknown, options: CommonOptions): Promise<void> {
  const described = describeError(error);
  if (options.output === 'table') process.stderr.write(formatError(described));
  else process.stdout.write(await serialise(errorEnvelope(command, described), options.output));
  if (options.debug && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`);
    if (isMlschedError(error) && error.cause instanceof Error)
      process.stderr.write(`caused by: ${error.cause.stack ?? ''}\n`);
  }
}

/** `error MLS_X_Y: message` and, on its own line, what to do next. */
export function formatError(error: EnvelopeError): string {
  const hint = error.hint === undefined ? '' : `  what to do: ${error.hint}\n`;
  return `error ${error.code}: ${error.message}\n${hint}`;
}

/** One document; YAML is loaded only when asked for. */
export async function serialise(envelope: Envelope, format: 'json' | 'yaml'): Promise<string> {
  if (format === 'json') return `${JSON.stringify(envelope)}\n`;
  const { stringify } = await import('yaml');
  return stringify(JSON.parse(JSON.stringify(envelope)));
}
