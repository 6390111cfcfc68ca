import { anomalySection } from './anomaly-section.ts';
import { decisionSection } from './decision-section.ts';
import { forecastSection, forecastVerdicts } from './forecast-section.ts';
import { learningSection } from './learning-section.ts';
import { element, join, paragraph, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { placementSection, placementVerdicts } from './placement-section.ts';
import { STYLE } from './style.ts';
import type { DemoReport } from './types.ts';

interface Section {
  readonly id: string;
  readonly title: string;
  readonly render: (report: DemoReport) => Markup;
}

const SECTIONS: readonly Section[] = [
  { id: 'placement', title: 'Placement', render: ({ simulation }) => placementSection(simulation) },
  {
    id: 'decision',
    title: 'One decision explained',
    render: ({ decision }) =>
      decision === undefined ? paragraph('No decision was recorded.') : decisionSection(decision),
  },
  {
    id: 'forecast',
    title: 'Load forecast',
    render: ({ forecast }) =>
      forecast === undefined
        ? paragraph('The forecast was not evaluated in this run.')
        : forecastSection(forecast),
  },
  {
    id: 'anomaly',
    title: 'Node health',
    render: ({ anomaly }) =>
      anomaly === undefined
        ? paragraph('The anomaly model was not evaluated in this run.')
        : anomalySection(anomaly),
  },
  {
    id: 'learning',
    title: 'Training of the placement model',
    render: ({ learning }) => learningSection(learning),
  },
  { id: 'method', title: 'How to read this', render: () => method() },
];

/**
 * Renders the report of a demo run as one self-contained HTML page: no script, nothing from the network.
 *
 * @returns A complete document. Everything that comes from data is escaped; unknown numbers are dashes.
 */
export function renderDemoReport(report: DemoReport): string {
  const head = element('head', {}, [
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' as Markup,
    element('title', {}, [text('mlsched demo report')]),
    element('style', {}, [STYLE as Markup]),
  ]);
  const sections = SECTIONS.map(({ id, title, render }) =>
    element('section', { id }, [element('h2', {}, [text(title)]), render(report)]),
  );
  const body = element('body', {}, [header(report), element('main', {}, sections)]);
  return `<!doctype html>${element('html', { lang: 'en' }, [head, body])}\n`;
}

function header(report: DemoReport): Markup {
  return element('header', {}, [
    element('h1', {}, [text('mlsched demo report')]),
    facts(report),
    element('div', { class: 'verdicts' }, [
      placementVerdicts(report.simulation),
      ...(report.forecast === undefined ? [] : [forecastVerdicts(report.forecast)]),
    ]),
    element(
      'nav',
      { 'aria-label': 'Sections' },
      SECTIONS.map(({ id, title }) => element('a', { href: `#${id}` }, [text(title)])),
    ),
  ]);
}

function facts({ simulation, createdAtMs, dataDirectory, version }: DemoReport): Markup {
  const created = new Date(createdAtMs).toISOString().slice(0, 16).replace('T', ' ');
  return join([
    paragraph(
      `Scenario ${simulation.scenario}: ${simulation.description} Mean demand ${Math.round(simulation.demandRatio * 100)}\u00a0% of capacity, ${simulation.seeds.length} paired seeds on ${simulation.split} traces that no model was trained on.`,
    ),
    paragraph(`mlsched ${version}, ${created} UTC, data ${dataDirectory}`, 'meta'),
  ]);
}

function method(): Markup {
  const notes = [
    'Objective: 100 x lost CPU core-hours / demanded core-hours + 50 x share of node-minutes above 80 % CPU + OOM kills per 1,000 pods + 20 x mean standard deviation of node CPU + 30 x share of unschedulable pods. Its weights are fixed and not tuned.',
    'Every policy sees the same arrivals and load curves for each seed. Intervals are bootstrap 95 % intervals over the seeds; an improvement is called better or worse only if its interval leaves out 0.',
    'A ceiling knows the future and cannot be built; it shows how much there is to gain at most, and never counts as a rival.',
    'An unknown number is shown as a dash, never as 0.',
  ];
  return element(
    'ul',
    {},
    notes.map((note) => element('li', {}, [text(note)])),
  );
}
