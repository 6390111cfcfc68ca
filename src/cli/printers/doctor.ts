import type { DoctorCheck } from '#services/doctor';
import { renderTable } from '../table.ts';

export function printDoctor(data: { readonly checks: readonly DoctorCheck[] }): string {
  const table = renderTable(
    [
      { header: 'LEVEL', value: (check) => check.level },
      { header: 'CHECK', value: (check) => check.name },
      { header: 'FOUND', value: (check) => check.found },
    ],
    data.checks,
  );
  const advice = data.checks.filter((check) => check.advice !== undefined);
  const lines = advice.map((check) => `${check.level} ${check.name}: ${check.advice ?? ''}\n`);
  return lines.length === 0 ? table : `${table}\n${lines.join('')}`;
}
