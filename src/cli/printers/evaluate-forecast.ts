import type { ForecastEvaluation, ForecastResult } from '#training';
import { renderTable } from '../table.ts';
import type { Column } from '../table.ts';

const COLUMNS: readonly Column<ForecastResult>[] = [
  { header: 'TARGET', value: (row) => row.target },
  { header: 'HORIZON (MIN)', value: (row) => row.horizonMinutes },
  { header: 'MODEL', value: (row) => row.model },
  { header: 'ACCURACY (%)', value: (row) => row.wapeAccuracyRatio * 100, digits: 1 },
  {
    header: 'SKILL (%)',
    value: (row) => (row.model === 'mlsched' ? row.skillRatio * 100 : undefined),
    digits: 1,
  },
  { header: 'MAE (POINTS)', value: (row) => row.maeRatio * 100, digits: 2 },
  { header: 'MASE', value: (row) => row.mase, digits: 3 },
  { header: '90 % COVERS (%)', value: (row) => toPercent(row.coverage90Ratio), digits: 1 },
  { header: 'MACHINES', value: (row) => row.machines },
  { header: 'POINTS', value: (row) => row.points },
];

function toPercent(ratio: number | null | undefined): number | undefined {
  return typeof ratio === 'number' ? ratio * 100 : undefined;
}

/** Our model and its rivals, by resource and horizon. */
export function printForecastEvaluation(evaluation: ForecastEvaluation): string {
  const head = `protocol ${evaluation.protocol}, ${evaluation.machines} machines; accuracy = 1 - WAPE, skill = 1 - error / error of the best naive\n\n`;
  return `${head}${renderTable(COLUMNS, evaluation.results)}`;
}
