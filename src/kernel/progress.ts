/** Where a long step tells how far it is. Implementations must be cheap: callers report often. */
export interface Progress {
  /**
   * @param done - Units finished so far.
   * @param total - Units in all; 0 when not known yet.
   * @param note - A few words on what is being done now.
   */
  report(done: number, total: number, note?: string): void;
}

export const noProgress: Progress = { report: () => undefined };
