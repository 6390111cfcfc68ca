import type { ModelVersion } from '#registry';
import type { AliasMove, Gate, GateReport } from '#training';
import { renderTable } from '../table.ts';

export interface ListedModel {
  readonly model: string;
  readonly aliases: Readonly<Record<string, number>>;
  readonly versions: readonly ModelVersion[];
}

export function printModels({ models }: { readonly models: readonly ListedModel[] }): string {
  const rows = models.flatMap(({ model, aliases, versions }) =>
    versions.map((version) => ({ model, aliases, version })),
  );
  if (rows.length === 0) return "no model is stored yet; 'mlsched train all' makes the first\n";
  return renderTable(
    [
      { header: 'MODEL', value: (row) => row.model },
      { header: 'VERSION', value: (row) => row.version.version },
      { header: 'ALIASES', value: (row) => aliasesOf(row.aliases, row.version.version) },
      { header: 'CREATED', value: (row) => new Date(row.version.createdAtMs).toISOString().slice(0, 19) },
      { header: 'SCHEMA', value: (row) => row.version.schemaVersion },
    ],
    rows,
  );
}

function aliasesOf(aliases: Readonly<Record<string, number>>, version: number): string {
  const names = Object.keys(aliases).filter((alias) => aliases[alias] === version);
  return names.length === 0 ? '-' : names.join(', ');
}

export function printGates(report: GateReport & { readonly move: AliasMove | undefined }): string {
  const table = renderTable(
    [
      { header: 'GATE', value: (row: Gate) => row.name },
      { header: 'VERDICT', value: (row) => (row.isPassed ? 'passed' : 'FAILED') },
      { header: 'MEASURED', value: (row) => row.measured ?? 'unknown', digits: 3 },
      { header: 'LIMIT', value: (row) => `${row.direction.replace('-', ' ')} ${row.limit}` },
      { header: 'MEANING', value: (row) => row.meaning },
    ],
    report.gates,
  );
  return `${table}\n${verdictOf(report)}\n`;
}

function verdictOf(report: GateReport & { readonly move: AliasMove | undefined }): string {
  const what = `${report.model} version ${report.candidate}`;
  if (!report.isPassed) return `${what} is refused: ${failedOf(report)}. Nothing was changed.`;
  if (report.move === undefined) return `${what} passes every gate. Nothing was changed.`;
  return `${what} is in service. Undo: mlsched models rollback ${report.model}`;
}

function failedOf({ gates }: GateReport): string {
  return gates
    .filter(({ isPassed }) => !isPassed)
    .map(({ name }) => name)
    .join(', ');
}

export function printAliasMove({ model, from, to }: AliasMove): string {
  return `${model}: version ${to} is in service again${from === undefined ? '' : `, version ${from} is not`}\n`;
}
