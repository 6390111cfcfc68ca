import pino from 'pino';

/** Levels that a person reads. SUCCESS is an INFO that closes a step. */
export interface Logger {
  success(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warning(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds these fields to each line. */
  child(fields: LogFields): Logger;
}

type LogFields = Readonly<Record<string, unknown>>;

/**
 * One JSON line an event on standard error, so that standard output stays free for data.
 *
 * @param room - Which room speaks; stands in each line.
 */
export function createLogger(room: string): Logger {
  return wrap(
    pino(
      {
        base: { room },
        customLevels: { success: 35 },
        formatters: { level: (label) => ({ level: label === 'warn' ? 'WARNING' : label.toUpperCase() }) },
        timestamp: pino.stdTimeFunctions.isoTime,
        messageKey: 'message',
      },
      pino.destination({ dest: 2, sync: true }),
    ),
  );
}

type PinoLike = pino.Logger<'success'>;

function wrap(sink: PinoLike): Logger {
  return {
    success: (fields, message) => sink.success(fields, message),
    info: (fields, message) => sink.info(fields, message),
    warning: (fields, message) => sink.warn(fields, message),
    error: (fields, message) => sink.error(fields, message),
    child: (fields) => wrap(sink.child(fields)),
  };
}

/** Says nothing; for tests and for library use. */
export const silentLogger: Logger = {
  success: () => undefined,
  info: () => undefined,
  warning: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
