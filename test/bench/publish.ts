import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const results = join(root, 'docs/reference/benchmarks');
const page = join(root, 'docs/reference/benchmarks.md');

export interface BenchTable {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** One group of measurements, as one command made it. */
export interface BenchSection {
  /** File name of the result, kebab-case; a leading number orders the page. */
  readonly id: string;
  readonly title: string;
  /** The command that repeats it from the repository root. */
  readonly command: string;
  /** What was measured, on which data, against which rival: one paragraph. */
  readonly method: string;
  readonly tables: readonly BenchTable[];
  /** What the numbers mean, and every target that is missed. */
  readonly notes: readonly string[];
}

interface StoredSection extends BenchSection {
  readonly measuredOn: string;
  readonly machine: string;
}

/** Stores a section's result and renders the whole page again from all stored results. */
export function publishSection(section: BenchSection): void {
  mkdirSync(results, { recursive: true });
  const stored: StoredSection = {
    ...section,
    measuredOn: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`,
  };
  writeFileSync(join(results, `${section.id}.json`), `${JSON.stringify(stored, null, 2)}\n`);
  renderBenchmarks();
}

/** Writes docs/reference/benchmarks.md from the stored results alone. */
export function renderBenchmarks(): void {
  const sections = readdirSync(results)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(results, name), 'utf8')) as StoredSection);
  const text = [
    '<!-- Written by `make bench` from docs/reference/benchmarks/*.json. Do not edit. -->',
    '',
    '# Benchmarks',
    '',
    'Every number here was measured by the command above it. Machines are shared and noisy: read ratios within a run, not times across runs. A target that is missed is written as missed.',
    ...sections.flatMap(renderSection),
    '',
  ].join('\n');
  writeFileSync(page, text);
}

function renderSection(section: StoredSection): string[] {
  return [
    '',
    `## ${section.title}`,
    '',
    '```sh',
    section.command,
    '```',
    '',
    `${section.method} Measured ${section.measuredOn} on ${section.machine}.`,
    ...section.tables.flatMap(renderTable),
    ...(section.notes.length > 0 ? ['', ...section.notes.map((note) => `- ${note}`)] : []),
  ];
}

function renderTable(table: BenchTable): string[] {
  const line = (cells: readonly (string | number | null)[]): string =>
    `| ${cells.map((cell) => String(cell ?? 'unknown').replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    '',
    `**${table.caption}**`,
    '',
    line(table.columns),
    line(table.columns.map(() => '---')),
    ...table.rows.map(line),
  ];
}
