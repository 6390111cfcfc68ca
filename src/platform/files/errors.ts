import { MlschedError, messageOf } from '#kernel/errors';

/** A path that should hold something holds nothing. */
export function pathMissing(path: string, what: string): MlschedError {
  return new MlschedError('MLS_FILES_MISSING', `${what} ${path} does not exist`, {
    kind: 'not-found',
    hint: 'Check the path; a relative one counts from the current directory.',
    details: { file: path },
  });
}

/** The file is there but has no bytes. */
export function fileEmpty(path: string): MlschedError {
  return new MlschedError('MLS_FILES_EMPTY', `${path} is empty (0 bytes)`, {
    kind: 'invalid-input',
    hint: 'Export or copy the file again.',
    details: { file: path },
  });
}

/** The bytes are not a whole Parquet file: cut off, damaged, or another format. */
export function notParquet(path: string, cause: unknown): MlschedError {
  return new MlschedError(
    'MLS_FILES_NOT_PARQUET',
    `${path} cannot be read as Parquet, it may be truncated: ${firstLine(messageOf(cause))}`,
    {
      kind: 'invalid-input',
      hint: 'Copy or export the file again; compare its size and checksum with the source.',
      details: { file: path },
      cause,
    },
  );
}

/** The operating system refuses to let us read or write. */
export function accessDenied(path: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_FILES_PERMISSION', `no permission for ${path}: ${messageOf(cause)}`, {
    kind: 'invalid-input',
    hint: 'Give the user that runs mlsched access to this path, or choose another one.',
    details: { file: path },
    cause,
  });
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
