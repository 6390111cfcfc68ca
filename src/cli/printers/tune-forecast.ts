import type { ForecastTuning, TunedTrial } from '#training';
import { renderTable } from '../table.ts';
import type { Column } from '../table.ts';

/** Best trials shown; the rest is in the JSON. */
const SHOWN = 10;

/** The best trials, and what they gain over the parameters in use. */
export function printForecastTuning({ best, baseline, improvementRatio, trials }: ForecastTuning): string {
  const names = Object.keys(best.parameters);
  const columns: Column<TunedTrial>[] = [
    { header: 'TRIAL', value: ({ number }) => number },
    { header: 'ERROR / LAST VALUE', value: ({ mase }) => mase ?? undefined, digits: 4 },
    ...names.map((name): Column<TunedTrial> => ({
      header: name,
      value: ({ parameters }) => parameters[name],
      digits: 3,
    })),
  ];
  const shown = trials
    .filter(({ mase }) => mase !== null)
    .toSorted((a, b) => (a.mase ?? 0) - (b.mase ?? 0))
    .slice(0, SHOWN);
  const pruned = trials.filter(({ state }) => state === 'pruned').length;
  const gain =
    improvementRatio === undefined
      ? 'the parameters in use were not finished as a trial'
      : `error ${(improvementRatio * 100).toFixed(2)} % below that of the parameters in use (trial ${baseline?.number})`;
  return `${trials.length} trials, ${pruned} given up early; best: trial ${best.number}, ${gain}\n\n${renderTable(columns, shown)}`;
}
