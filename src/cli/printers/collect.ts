import type { CompactReport, ExportReport, StoreStatus } from '#collect';
import { formatBytes, formatDuration, SECOND_MS } from '#kernel/units';
import type { QueryAnswer } from '#platform/files';
import type { CollectHistoryResult } from '#services/collect-history';
import type { CollectLiveResult } from '#services/collect-live';
import { renderTable } from '../table.ts';

export function printCollectHistory({
  fetched,
  store,
  protocol,
  seconds,
  conflicts,
}: CollectHistoryResult): string {
  const way = protocol === 'remote-read' ? 'remote read' : 'queries (the server has no remote read)';
  const amount =
    fetched.daysFetched === 0
      ? 'nothing new: every day was there\n'
      : `fetched ${fetched.daysFetched} days, ${count(fetched.samplesFetched)} samples in ${formatDuration(seconds * SECOND_MS)} by ${way}\n`;
  const warnings = conflicts.map(({ sentence }) => `WARNING ${sentence}\n`);
  return [amount, printCollectStatus(store), warnings.join('')].filter((part) => part !== '').join('\n');
}

export function printCollectStatus(status: StoreStatus): string {
  const { firstDay, coveredTo, ageSeconds, writer } = status;
  const rows: [string, string][] = [
    ['STORE', status.directory],
    [
      'SOURCE',
      status.stepSeconds === 0 ? status.source : `${status.source}, a row each ${status.stepSeconds} s`,
    ],
    ['SPAN', firstDay === undefined ? 'empty' : `${firstDay} to ${coveredTo ?? '-'}`],
    ['AGE', ageSeconds === undefined ? '-' : formatDuration(ageSeconds * SECOND_MS)],
    [
      'CONTENT',
      `${status.nodes} nodes, ${status.days} days, ${count(status.rows)} rows of ${count(status.samples)} samples`,
    ],
    [
      'SIZE',
      `${formatBytes(status.bytes)} in ${status.files} files, ${count(status.liveRows)} live rows in the log`,
    ],
    [
      'WRITER',
      writer === undefined
        ? 'none'
        : `${writer.purpose}, process ${writer.pid} on ${writer.host} since ${writer.since}`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
  return `${table}${describeTrouble(status)}`;
}

function describeTrouble(status: StoreStatus): string {
  const lines: string[] = [];
  const { absentColumns, nodesWithoutCpu, missingDays, duplicateSeries, counterResets } = status;
  if (absentColumns.length > 0)
    lines.push(
      `WARNING no data for ${absentColumns.join(', ')}: 'mlsched doctor --prometheus URL' says what that costs`,
    );
  if (nodesWithoutCpu.length > 0)
    lines.push(
      `WARNING ${nodesWithoutCpu.join(', ')} have no CPU samples: map their addresses with --node-map`,
    );
  if (missingDays.length > 0) lines.push(`WARNING no row on ${missingDays.join(', ')}`);
  if (duplicateSeries > 0)
    lines.push(
      `INFO ${duplicateSeries} series came twice (two scrapes of one exporter, or two replicas) and count once`,
    );
  if (counterResets > 0)
    lines.push(
      `INFO counters started again ${count(counterResets)} times (restarts); those rates are unknown`,
    );
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}

export function printCollectLive({ rounds, rows, coveredTo }: CollectLiveResult): string {
  return `stopped after ${count(rounds)} rounds and ${count(rows)} rows; stored up to ${coveredTo ?? 'nothing'}\n`;
}

export function printCollectQuery({ columns, rows, isCut }: QueryAnswer): string {
  const table = renderTable(
    columns.map(({ name }, index) => ({
      header: name.toUpperCase(),
      value: (row: readonly unknown[]) => cell(row[index]),
      digits: rows.every((row) => Number.isInteger(row[index] ?? 0)) ? 0 : 4,
    })),
    rows,
  );
  return isCut ? `${table}\nmore rows are there: raise --limit\n` : table;
}

function cell(value: unknown): string | number | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value);
}

export function printCollectExport({ files }: ExportReport): string {
  return files.length === 0 ? 'no day in that span\n' : files.map((file) => `${file}\n`).join('');
}

export function printCompaction({ daysJoined, daysDropped }: CompactReport): string {
  const dropped =
    daysDropped.length === 0 ? '' : `, ${daysDropped.length} days removed up to ${daysDropped.at(-1)}`;
  return `the files of ${daysJoined} days were joined${dropped}\n`;
}

/** `9331200` as `9,331,200`. */
function count(number: number): string {
  return number.toLocaleString('en-US');
}
