import type { LiveRound } from '#collect';
import type { Log } from '#kernel/log';

/** Rounds without news are told once in so many: at 30 s, every half hour. */
const QUIET_ROUNDS = 60;

/** Tells what changes: the first round, each new trouble and its end, repairs; otherwise a line now and then. */
export function createRoundLog(log: Log): (round: LiveRound) => void {
  let last = '';
  let quiet = 0;
  return (round) => {
    const state = round.kind === 'waiting' ? round.error.code : round.kind;
    const hasChanged = state !== last;
    last = state;
    quiet = hasChanged ? 0 : quiet + 1;
    if (round.kind === 'waiting') {
      if (hasChanged) log.error(round.error.message, { code: round.error.code, hint: round.error.hint });
      return;
    }
    if (round.kind === 'empty') {
      if (hasChanged)
        log.warning('the source knows no load of any node in the last minutes; nothing is recorded');
      return;
    }
    const { nodes, rows, repairedRows, samples, coveredToMs } = round;
    const fields = { nodes, rows, samples, coveredTo: new Date(coveredToMs).toISOString() };
    if (repairedRows > 0) log.success('holes were filled', { ...fields, repairedRows });
    else if (hasChanged) log.success('collecting', fields);
    else if (quiet % QUIET_ROUNDS === 0) log.info('still collecting', fields);
  };
}
