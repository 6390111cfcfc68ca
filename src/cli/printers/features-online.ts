import type { OnlineRound } from '#services/features-online';

export function printPushed(round: OnlineRound): string {
  if (Number.isNaN(round.originMs)) return 'nothing to store: the history has no sample\n';
  const rows = Object.entries(round.rows).map(([view, count]) => `${count ?? 'unknown'} rows of ${view}`);
  return `stored ${rows.join(', ')} as of ${new Date(round.originMs).toISOString()}\n`;
}
