import { isMlschedError, messageOf } from '#kernel/errors';
import type { ErrorFields } from '#kernel/errors';

/** An error on its way between threads: errors lose their class and fields there, so they travel as data. */
export interface WorkerFailure {
  readonly kind: 'failed';
  readonly code: string;
  readonly message: string;
  readonly fields: ErrorFields;
}

/**
 * Packs anything thrown.
 *
 * @param fallbackCode - Code of what is not one of our own errors; its hint is then the stack.
 */
export function packFailure(error: unknown, fallbackCode: string): WorkerFailure {
  const message = messageOf(error);
  if (!isMlschedError(error)) {
    const hint = error instanceof Error ? (error.stack ?? '') : '';
    return { kind: 'failed', code: fallbackCode, message, fields: { kind: 'internal', hint } };
  }
  const { code, kind, hint, details } = error;
  return {
    kind: 'failed',
    code,
    message,
    fields: { kind, details, ...(hint === undefined ? {} : { hint }) },
  };
}
