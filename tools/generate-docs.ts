import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { format, resolveConfig } from 'prettier';
import { METRIC_CATALOGUE } from '../src/collect/index.ts';
import { createProgram } from '../src/cli/program.ts';
import { renderFeastRepository, renderFeaturePage, renderFeatureSchema } from './feature-pages.ts';
import { renderSchedulerConfig } from './scheduler-config-page.ts';

const root = resolve(import.meta.dirname, '..');
const QUOTED = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`/;
const GENERATED = '<!-- Written by `make fix`. Do not edit. -->';

/** The files that come from the code itself. With --check nothing is written and a difference fails. */
const pages: Readonly<Record<string, string>> = {
  'docs/reference/cli.md': renderCli(),
  'docs/reference/errors.md': renderErrors(),
  'docs/reference/scheduler-config.md': `${GENERATED}\n\n${renderSchedulerConfig()}`,
  'docs/reference/features.md': `${GENERATED}\n\n${renderFeaturePage()}`,
  'docs/reference/features.schema.json': renderFeatureSchema(),
  'deploy/feast/features.py': renderFeastRepository(),
  'docs/reference/collected-metrics.md': renderMetrics(),
};

const isCheck = process.argv.includes('--check');
const stale: string[] = [];
for (const [name, text] of Object.entries(pages)) {
  const path = join(root, name);
  const formatted = await formatPage(path, text);
  if (!isCheck) writeFileSync(path, formatted);
  else if (readPage(path) !== formatted) stale.push(name);
}
if (stale.length > 0) {
  process.stderr.write(`out of date: ${stale.join(', ')} ; run 'make fix' and commit\n`);
  process.exitCode = 1;
}

/** As prettier would; it knows no Python. */
async function formatPage(path: string, text: string): Promise<string> {
  return path.endsWith('.py') ? text : format(text, { ...(await resolveConfig(path)), filepath: path });
}

function readPage(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function renderCli(): string {
  const program = createProgram() as unknown as Command;
  const parts = [
    GENERATED,
    '# Command line',
    'Every command answers `--help`. With `-o json` it prints exactly one document.',
    '',
  ];
  const visit = (command: Command, path: string): void => {
    const children = command.commands as unknown as Command[];
    if (children.length === 0 || path === 'mlsched')
      parts.push(`## ${path}`, '```text', helpOf(command), '```', '');
    for (const child of children) visit(child, `${path} ${child.name()}`);
  };
  visit(program, 'mlsched');
  return parts.join('\n\n');
}

function helpOf(command: Command): string {
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
    getOutHelpWidth: () => 100,
  });
  command.outputHelp();
  return help.trimEnd();
}

interface CodeUse {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Reads the error builders as text: code, message and hint stand together in each `new MlschedError(...)`. */
function renderErrors(): string {
  const uses = sourceFiles(join(root, 'src')).flatMap(errorsIn);
  const codes = new Map<string, CodeUse>();
  for (const use of uses)
    if (!codes.has(use.code) || codes.get(use.code)?.hint === '') codes.set(use.code, use);
  const sections = [...codes.values()]
    .sort((a, b) => a.code.localeCompare(b.code))
    .map(
      ({ code, message, hint }) =>
        `## ${code}\n\n${sentence(message)}${hint === '' ? '' : `\n\n**What to do.** ${sentence(hint)}`}`,
    );
  const intro =
    'Codes are stable: scripts may compare them. `‹name›` or `...` stands for what the message fills in.';
  return [GENERATED, '# Errors', intro, ...sections].join('\n\n');
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

function errorsIn(path: string): CodeUse[] {
  const source = readFileSync(path, 'utf8');
  return [...source.matchAll(/['"](MLS_[A-Z0-9_]+)['"]\s*,/g)].map((match) => {
    const rest = source.slice(match.index + match[0].length, match.index + match[0].length + 900);
    const end = rest.search(/\n}\n|new MlschedError\(/);
    const body = end < 0 ? rest : rest.slice(0, end);
    return {
      code: match[1] ?? '',
      message: quoted(body),
      hint: quoted(body.slice(body.search(/hint:/) >= 0 ? body.search(/hint:/) : body.length)),
    };
  });
}

function quoted(body: string): string {
  const match = QUOTED.exec(body);
  const raw = match?.[1] ?? match?.[2] ?? match?.[3] ?? '';
  return raw
    .replace(/\$\{([^}]*)\}/g, (_, expression: string) => placeholder(expression))
    .replace(/\.{4,}/g, '...')
    .replaceAll("\\'", "'")
    .replaceAll('<', '\\<');
}

/** `file` and `options.model` say what is filled in; other expressions do not. */
function placeholder(expression: string): string {
  const name = /^(?:\w+\.)*(\w+)$/.exec(expression)?.[1];
  if (name === undefined) return '...';
  return `‹${name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()}›`;
}

function sentence(raw: string): string {
  const trimmed = raw.trim();
  if (trimmed === '') return 'See the message.';
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.?!]$/.test(start) ? start : `${start}.`;
}

function renderMetrics(): string {
  const rows = METRIC_CATALOGUE.map(
    ({ column, group, exporter, promql, ifAbsent }) =>
      `| \`${column}\` | ${group} | ${exporter} | \`${promql.replaceAll('|', '\\|')}\` | ${ifAbsent} |`,
  );
  return [
    GENERATED,
    '# Collected metrics',
    `${METRIC_CATALOGUE.length} metrics, one number a node (or cluster) and step. The PromQL gives the same number, for dashboards and for checking us; collection itself reads raw samples. Of names with \`|\` the later ones are those of older exporters. Series that differ only in job, replica or address count once.`,
    ['| column | group | from | PromQL | if it is absent |', '| --- | --- | --- | --- | --- |', ...rows].join(
      '\n',
    ),
  ].join('\n\n');
}
