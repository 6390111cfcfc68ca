import type { LoadReport } from '../cluster/types.ts';

/** Where the load of the nodes comes from. */
export interface LoadSource {
  /**
   * Measures as of a moment on the time grid.
   *
   * @throws MlschedError when the source cannot be asked now.
   */
  read(atMs: number): Promise<LoadReport>;
}
