import koffi from 'koffi';

/** Operations of flock(2), the same number on Linux, macOS and the BSDs. */
const LOCK_EXCLUSIVE = 2;
const LOCK_NON_BLOCKING = 4;

let flock: ((fileDescriptor: number, operation: number) => number) | undefined;

/**
 * Takes the kernel's advisory lock on an open file, without waiting.
 *
 * The kernel gives it back when the descriptor is closed and when the process ends, however it ends: no stale lock
 * can stay behind, which no scheme of lock files and process numbers achieves over containers and restarts.
 *
 * @param fileDescriptor - Of a file that stays open as long as the lock is wanted.
 * @returns False when another descriptor, of this or another process, holds it.
 */
export function tryLockFile(fileDescriptor: number): boolean {
  // Symbols of the C library that this process already runs on.
  flock ??= koffi.load(null).func('int flock(int fd, int operation)') as (
    fileDescriptor: number,
    operation: number,
  ) => number;
  return flock(fileDescriptor, LOCK_EXCLUSIVE | LOCK_NON_BLOCKING) === 0;
}
