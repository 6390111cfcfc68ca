import type { SimulateReport } from '#training';
import { element, join, paragraph, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { renderPage } from './page.ts';
import { placementSection, placementVerdicts } from './placement-section.ts';

/** A comparison of policies, and where and when it was made. */
export interface SimulationPage {
  readonly createdAtMs: number;
  readonly dataDirectory: string;
  readonly version: string;
  /** Run with `record`, else there is no heat map. */
  readonly simulation: SimulateReport;
}

/**
 * Renders a comparison of placement policies as one self-contained HTML page: no script, nothing from the network.
 *
 * @returns A complete document. Everything that comes from data is escaped; unknown numbers are dashes.
 */
export function renderSimulationReport(page: SimulationPage): string {
  return renderPage({
    title: 'mlsched policy comparison',
    facts: simulationFacts(page),
    verdicts: [placementVerdicts(page.simulation)],
    sections: [
      { id: 'placement', title: 'Placement', body: placementSection(page.simulation) },
      { id: 'method', title: 'How to read this', body: readingNotes() },
    ],
  });
}

export function simulationFacts({ simulation, createdAtMs, dataDirectory, version }: SimulationPage): Markup {
  const created = new Date(createdAtMs).toISOString().slice(0, 16).replace('T', ' ');
  return join([
    paragraph(
      `Scenario ${simulation.scenario}: ${simulation.description} Mean demand ${Math.round(simulation.demandRatio * 100)}\u00a0% of capacity, ${simulation.seeds.length} paired seeds on ${simulation.split} traces that no model was trained on.`,
    ),
    paragraph(`mlsched ${version}, ${created} UTC, data ${dataDirectory}`, 'meta'),
  ]);
}

export function readingNotes(): Markup {
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
