import type { DemoResult } from '#services/demo';
import { formatPercent } from '#kernel/units';
import { printSimulation } from './simulate.ts';

/** The comparison, what each model is worth, and where the report is. */
export function printDemo(result: DemoResult): string {
  return [
    printSimulation(result.simulation),
    `${describeForecast(result)}\n${describeAnomaly(result)}\n`,
    `report: ${result.reportPath}\n`,
  ].join('\n');
}

function describeForecast({ forecast }: DemoResult): string {
  const rows = forecast.results.filter(
    ({ target, horizonMinutes }) => target === 'cpu' && horizonMinutes === 15,
  );
  const own = rows.find(({ model }) => model === 'mlsched');
  const best = rows
    .filter(({ model }) => model !== 'mlsched')
    .toSorted((a, b) => b.wapeAccuracyRatio - a.wapeAccuracyRatio)[0];
  if (own === undefined || best === undefined) return 'load forecast: not judged';
  return `load forecast, CPU 15 min ahead: accuracy ${formatPercent(own.wapeAccuracyRatio)}, best naive (${best.model}) ${formatPercent(best.wapeAccuracyRatio)}, skill ${formatPercent(own.skillRatio)}`;
}

function describeAnomaly({ anomaly }: DemoResult): string {
  const own = anomaly.pooled.find(({ model }) => model === 'mlsched');
  if (own === undefined) return 'node health: not judged';
  return `node health: ${formatPercent(own.eventPrecision ?? Number.NaN)} of the alarms touch a labelled event, ${formatPercent(own.eventRecall ?? Number.NaN)} of the events are found`;
}
