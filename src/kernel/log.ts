import { pino } from 'pino';

/** Scalars and small lists that locate what a line speaks of. Never secrets. */
type LogFields = Readonly<Record<string, unknown>>;

/** Structured lines, one JSON document each, with the levels that people look for. */
export interface Log {
  info(message: string, fields?: LogFields): void;
  success(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose every line carries these fields. */
  child(fields: LogFields): Log;
}

export interface CreateLogOptions {
  /** Name of the service, on every line. */
  readonly service: string;
  /** Where lines go; standard error by default, since standard output carries data. */
  readonly write?: (line: string) => void;
}

/** Values under these names never reach a line, wherever they stand. */
const SECRETS = ['token', 'password', 'authorization', 'secret'];

/** Creates a log (pino: the maintained JSON logger of Node's ecosystem, cheap enough for the decision path). */
export function createLog({ service, write }: CreateLogOptions): Log {
  const logger = pino(
    {
      base: { service },
      level: 'info',
      customLevels: { success: 35 },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      errorKey: 'error',
      formatters: { level: (label) => ({ level: LABELS[label] ?? label.toUpperCase() }) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[removed]' },
    },
    write === undefined ? pino.destination({ fd: 2, sync: true }) : { write },
  );
  return wrap(logger);
}

const LABELS: Readonly<Record<string, string>> = { warn: 'WARNING' };

function wrap(logger: pino.Logger<'success'>): Log {
  return {
    info: (message, fields) => logger.info(fields ?? {}, message),
    success: (message, fields) => logger.success(fields ?? {}, message),
    warning: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}

/** For tests and callers that have nothing to tell. */
export const silentLog: Log = {
  info: () => undefined,
  success: () => undefined,
  warning: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
