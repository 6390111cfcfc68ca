import { isMlschedError, MlschedError, messageOf } from '#kernel/errors';

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

/** No room left, a quota reached, or a file size limit. */
function diskFull(path: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_FILES_DISK_FULL', `no room to write ${path}: ${firstLine(messageOf(cause))}`, {
    kind: 'unavailable',
    hint: 'Free disk space or raise the quota, then run again: nothing was left half-written.',
    details: { file: path },
    cause,
  });
}

/** Reading or writing failed for a reason that has no code of its own. */
function ioFailed(path: string, cause: unknown): MlschedError {
  return new MlschedError('MLS_FILES_IO', `${path}: ${firstLine(messageOf(cause))}`, {
    kind: 'unavailable',
    hint: 'Check the disk and the mount, then run again.',
    details: { file: path },
    cause,
  });
}

/** The file is no JSON, or JSON of another form. */
export function badJson(path: string, where: string, cause: unknown): MlschedError {
  return new MlschedError(
    'MLS_FILES_BAD_JSON',
    `${path} is not as expected at ${where}: ${messageOf(cause)}`,
    {
      kind: 'invalid-input',
      hint: 'Restore the file from its source or remove it.',
      details: { file: path, where },
      cause,
    },
  );
}

/** The engine cannot answer the question as it is put. */
export function badQuery(problem: string): MlschedError {
  return new MlschedError('MLS_FILES_BAD_QUERY', `the query cannot be answered: ${problem}`, {
    kind: 'invalid-input',
    hint: 'Write one SELECT in the dialect of DuckDB over the tables that the command names.',
  });
}

/** Another process writes here. */
export function folderTaken(directory: string, holder: string): MlschedError {
  return new MlschedError('MLS_FILES_TAKEN', `${directory} is being written by ${holder}`, {
    kind: 'conflict',
    hint: 'One writer at a time: wait until it ends, stop it, or use another folder.',
    details: { directory },
  });
}

/** Turns what Node or DuckDB throws on a path into one of our errors; ours pass unchanged. */
export function translateFault(path: string, error: unknown): MlschedError {
  if (isMlschedError(error)) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = `${code} ${messageOf(error)}`;
  if (/ENOSPC|EFBIG|EDQUOT|no space left|file too large|quota exceeded/i.test(text))
    return diskFull(path, error);
  if (/EACCES|EPERM|EROFS|permission denied|read-only file system/i.test(text))
    return accessDenied(path, error);
  if (/ENOENT|ENOTDIR/.test(code)) return pathMissing(path, 'path');
  return ioFailed(path, error);
}
