import { anomalySection } from './anomaly-section.ts';
import { decisionSection } from './decision-section.ts';
import { forecastSection, forecastVerdicts } from './forecast-section.ts';
import { learningSection } from './learning-section.ts';
import { paragraph } from './markup.ts';
import { renderPage } from './page.ts';
import { placementSection, placementVerdicts } from './placement-section.ts';
import { readingNotes, simulationFacts } from './simulation-report.ts';
import type { DemoReport } from './types.ts';

/**
 * Renders the report of a demo run as one self-contained HTML page: no script, nothing from the network.
 *
 * @returns A complete document. Everything that comes from data is escaped; unknown numbers are dashes.
 */
export function renderDemoReport(report: DemoReport): string {
  const { simulation, decision, forecast, anomaly, learning } = report;
  return renderPage({
    title: 'mlsched demo report',
    facts: simulationFacts(report),
    verdicts: [
      placementVerdicts(simulation),
      ...(forecast === undefined ? [] : [forecastVerdicts(forecast)]),
    ],
    sections: [
      { id: 'placement', title: 'Placement', body: placementSection(simulation) },
      {
        id: 'decision',
        title: 'One decision explained',
        body: decision === undefined ? paragraph('No decision was recorded.') : decisionSection(decision),
      },
      {
        id: 'forecast',
        title: 'Load forecast',
        body:
          forecast === undefined
            ? paragraph('The forecast was not evaluated in this run.')
            : forecastSection(forecast),
      },
      {
        id: 'anomaly',
        title: 'Node health',
        body:
          anomaly === undefined
            ? paragraph('The anomaly model was not evaluated in this run.')
            : anomalySection(anomaly),
      },
      { id: 'learning', title: 'Training of the placement model', body: learningSection(learning) },
      { id: 'method', title: 'How to read this', body: readingNotes() },
    ],
  });
}
