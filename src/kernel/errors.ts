/** What a caller may do about an error: fix the input, look elsewhere, retry, or report it. */
export type ErrorKind = 'invalid-input' | 'not-found' | 'unavailable' | 'conflict' | 'timeout' | 'internal';

export interface ErrorFields {
  readonly kind: ErrorKind;
  /** What to do next, as a sentence for a person. */
  readonly hint?: string;
  /** Scalars that locate the fault (file, column, row). Never secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
  readonly cause?: unknown;
}

/**
 * The one error class of the product. Compare `code`, never `instanceof`: classes do not survive worker
 * threads or HTTP.
 *
 * @remarks `code` is stable and has the form `MLS_<ROOM>_<CAUSE>`; docs/reference/errors.md lists them all.
 */
export class MlschedError extends Error {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: string, message: string, fields: ErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'MlschedError';
    this.code = code;
    this.kind = fields.kind;
    this.hint = fields.hint;
    this.details = fields.details ?? {};
  }
}

/** True for our own errors, also for those rebuilt after crossing a thread. */
export function isMlschedError(error: unknown): error is MlschedError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('MLS_') &&
    'kind' in error
  );
}

/** Message of anything thrown, for embedding in another message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
