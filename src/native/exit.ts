import koffi from 'koffi';

/**
 * Ends the process now, without destructors: `process.exit` would tear down worker threads in the middle of native
 * training, which crashes the process instead of giving its exit code.
 *
 * @remarks Nothing is flushed: write what must be read beforehand. Falls back to `process.exit` where the C library cannot
 *   be asked.
 */
export function exitAtOnce(exitCode: number): never {
  try {
    koffi.load(null).func('void _exit(int status)')(exitCode);
  } catch {
    // The ordinary way is the best that is left.
  }
  process.exit(exitCode);
}
