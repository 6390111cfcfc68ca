import type { ConfigReport } from '#scheduler';

/** Errors first; each with where it stands and what to do. */
export function printConfigCheck({ reports }: { readonly reports: readonly ConfigReport[] }): string {
  return reports
    .map(({ file, kind, findings }) => {
      if (findings.length === 0) return `${file} (${kind}): nothing found\n`;
      const sorted = [...findings].sort((a, b) => a.level.localeCompare(b.level));
      const lines = sorted.map(
        ({ level, rule, at, problem, advice }) =>
          `${level} ${at} [${rule}]\n  ${problem}\n  what to do: ${advice}\n`,
      );
      return `${file} (${kind}): ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}\n\n${lines.join('')}`;
    })
    .join('\n');
}
