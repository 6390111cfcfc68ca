import { isMlschedError, messageOf } from '#kernel/errors';
import type { CommandResult } from './context.ts';

/** Version of the envelope; raised only when a field changes its meaning. */
const SCHEMA_VERSION = 1;

export interface EnvelopeError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

/** The one JSON document of a command. Unknown numbers (NaN, Infinity) are null. */
export interface Envelope {
  readonly schemaVersion: number;
  readonly command: string;
  readonly status: 'ok' | 'failed' | 'finding';
  readonly data: unknown;
  readonly error: EnvelopeError | null;
}

export function resultEnvelope(command: string, result: CommandResult<unknown>): Envelope {
  return { schemaVersion: SCHEMA_VERSION, command, status: result.status, data: result.data, error: null };
}

export function errorEnvelope(command: string, error: EnvelopeError): Envelope {
  return { schemaVersion: SCHEMA_VERSION, command, status: 'failed', data: null, error };
}

/** Any thrown thing as the error of an envelope. */
export function describeError(error: unknown): EnvelopeError {
  if (isMlschedError(error)) return { code: error.code, message: error.message, hint: error.hint };
  return {
    code: 'MLS_CLI_INTERNAL',
    message: messageOf(error),
    hint: 'This is a defect of mlsched: run again with --debug and report the stack.',
  };
}
