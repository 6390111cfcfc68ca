import { anomalyTable, anomalyTimelineChart } from './anomaly-section.ts';
import { decisionChart } from './decision-section.ts';
import { forecastCharts, forecastTable } from './forecast-section.ts';
import { learningChart } from './learning-section.ts';
import { element, join, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { heatMaps, objectiveChart, policyTable } from './placement-section.ts';
import { STYLE } from './style.ts';
import { tableView } from './table.ts';
import type { DemoReport } from './types.ts';

const SECTIONS = [
  ['placement', 'Placement'],
  ['decision', 'One decision explained'],
  ['forecast', 'Load forecast'],
  ['anomaly', 'Node health'],
  ['learning', 'Training of the placement model'],
] as const;

/**
 * Renders the report of a demo run as one self-contained HTML page: no script, nothing from the network.
 *
 * @returns A complete document. Everything that comes from data is escaped.
 */
export function renderDemoReport(report: DemoReport): string {
  const head = element('head', {}, [
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' as Markup,
    element('title', {}, [text('mlsched demo report')]),
    element('style', {}, [STYLE as Markup]),
  ]);
  const body = element('body', {}, [element('main', {}, [header(report), ...sections(report)])]);
  return `<!doctype html>${element('html', { lang: 'en' }, [head, body])}\n`;
}

function header(report: DemoReport): Markup {
  const { simulation } = report;
  const created = new Date(report.createdAtMs).toISOString().slice(0, 16).replace('T', ' ');
  const scenario = `Scenario ${simulation.scenario} (${simulation.description}), mean demand ${Math.round(simulation.demandRatio * 100)} % of capacity, ${simulation.seeds.length} paired seeds on ${simulation.split} traces that no model was trained on.`;
  return element('header', {}, [
    element('h1', {}, [text('Where do pods run best?')]),
    element('p', { class: 'meta' }, [
      text(`mlsched ${report.version}, ${created} UTC, data ${report.dataDirectory}`),
    ]),
    element(
      'nav',
      { 'aria-label': 'Sections' },
      SECTIONS.map(([id, title]) => element('a', { href: `#${id}` }, [text(title)])),
    ),
    element('p', {}, [text(scenario)]),
    element(
      'div',
      { class: 'verdict' },
      report.verdicts.map((verdict) => element('p', {}, [text(verdict)])),
    ),
  ]);
}

function sections(report: DemoReport): Markup[] {
  const contents: Readonly<Record<(typeof SECTIONS)[number][0], Markup>> = {
    placement: placementSection(report),
    decision:
      report.decision === undefined ? absent('No decision was recorded.') : decisionChart(report.decision),
    forecast: forecastSection(report),
    anomaly: anomalySection(report),
    learning: learningChart(report.learning),
  };
  return SECTIONS.map(([id, title]) =>
    element('section', { id }, [element('h2', {}, [text(title)]), contents[id]]),
  );
}

function absent(why: string): Markup {
  return element('p', {}, [text(why)]);
}

function placementSection({ simulation }: DemoReport): Markup {
  return join([
    element('p', {}, [
      text(
        'Every policy places the same pods, with the same real load curves, on the same nodes. Lower is better. The objective adds lost CPU, time above 80 %, OOM kills, imbalance and unschedulable pods.',
      ),
    ]),
    objectiveChart(simulation),
    tableView('Table: every part of the objective', policyTable(simulation)),
    element('p', {}, [
      text(
        'CPU demand of every node over time, first seed. Each row is a node; the hottest moment of each stretch is shown.',
      ),
    ]),
    heatMaps(
      simulation.series,
      simulation.policies.map(({ policy }) => policy),
    ),
  ]);
}

function forecastSection({ forecast }: DemoReport): Markup {
  if (forecast === undefined) return absent('The forecast was not evaluated in this run.');
  return join([
    element('p', {}, [
      text(
        'Trained on the first 85 % of each machine, judged on the last 15 %. Utilisation is persistent, so naive forecasts look good: read each row beside its rivals.',
      ),
    ]),
    forecastCharts(forecast.traces),
    tableView('Table: accuracy beside the naive rivals', forecastTable(forecast.rows)),
  ]);
}

function anomalySection({ anomaly }: DemoReport): Markup {
  if (anomaly === undefined) return absent('The anomaly model was not evaluated in this run.');
  return join([
    element('p', {}, [
      text(
        'Fitted without labels on the first half, judged on labelled incidents of the second half, without point adjustment. The random detector raises as many alarms at random moments.',
      ),
    ]),
    anomaly.timeline === undefined
      ? absent('No timeline was recorded.')
      : anomalyTimelineChart(anomaly.timeline),
    anomalyTable(anomaly.rows),
  ]);
}
