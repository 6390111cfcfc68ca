import type { RolloutState } from '#scheduler';
import { renderTable } from '../table.ts';

/** Where it stands, then what was before, the latest first. */
export function printRollout(state: RolloutState): string {
  const now = describe(state);
  const since = state.changedAtMs === 0 ? '' : ` since ${moment(state.changedAtMs)}`;
  const head = `${now}${since}, by ${state.changedBy}: ${state.reason}\n`;
  const before = state.history.filter(({ changedAtMs }) => changedAtMs > 0).toReversed();
  if (before.length === 0) return head;
  const table = renderTable(
    [
      { header: 'BEFORE', value: (row: RolloutState['history'][number]) => describe(row) },
      { header: 'SINCE', value: (row) => moment(row.changedAtMs) },
      { header: 'BY', value: (row) => row.changedBy },
      { header: 'REASON', value: (row) => row.reason },
    ],
    before,
  );
  return `${head}\n${table}`;
}

function describe({ mode, percent }: Pick<RolloutState, 'mode' | 'percent'>): string {
  return mode === 'shadow' ? 'shadow: no influence' : `${percent} % of the workloads`;
}

function moment(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
