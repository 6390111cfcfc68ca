import type { PlacementCurves, ValidationPoint } from '#training';
import { chartFrame, drawing, figure, legend, linearScale, linePath, ticks, xAxis, yAxis } from './chart.ts';
import { element, join, paragraph, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { renderTable, tableView } from './table.ts';
import type { ReportColumn } from './table.ts';

const HEIGHT = 250;

/** Objective on the validation traces over the episodes of training, as a share of the stock policy's. */
export function learningSection(curves: PlacementCurves | undefined): Markup {
  const points = curves?.validations ?? [];
  if (curves === undefined || points.length === 0)
    return paragraph('The placement model was reused from an earlier run; no curve was recorded.');
  const kept = points.find(({ episode }) => episode === curves.bestEpisode);
  return join([
    paragraph(
      'Now and then training stops and the network places pods of validation traces that it does not learn from. The network that did best there is kept.',
    ),
    points.length < 2 ? paragraph('Validated once only, so there is no curve.') : learningChart(points, kept),
    tableView('Table: every validation', validationTable(points, curves.bestEpisode)),
  ]);
}

function learningChart(points: readonly ValidationPoint[], kept: ValidationPoint | undefined): Markup {
  const frame = chartFrame(HEIGHT);
  const episodes = points.map(({ episode }) => episode);
  const ratios = points.map(({ objectiveToStock }) => objectiveToStock);
  const xDomain = [Math.min(...episodes), Math.max(...episodes)] as const;
  const yDomain = [Math.min(1, ...ratios) * 0.95, Math.max(1, ...ratios) * 1.05] as const;
  const x = linearScale(xDomain, [frame.left, frame.right]);
  const y = linearScale(yDomain, [frame.bottom, frame.top]);
  const percent = (value: number): string => `${Math.round(value * 100)} %`;
  const stock = y(1);
  return figure('Objective on validation traces, as a share of the stock policy’s (lower is better)', [
    drawing('Validation objective over training episodes', { height: HEIGHT }, [
      yAxis({ frame, scale: y, values: ticks(yDomain, 5), format: percent }),
      xAxis({ frame, scale: x, values: ticks(xDomain, 10), format: String, title: 'training episode' }),
      element('line', { class: 'reference', x1: frame.left, x2: frame.right, y1: stock, y2: stock }),
      linePath({ x: episodes, y: ratios }, x, y, 'placement'),
      ...(kept === undefined ? [] : [keptMark(x(kept.episode), y(kept.objectiveToStock))]),
    ]),
    legend([
      { label: 'placement model', className: 'placement' },
      { label: 'stock policy', className: 'reference' },
    ]),
  ]);
}

function keptMark(x: number, y: number): Markup {
  const isFarRight = x > 1000;
  return join([
    element('circle', { class: 'dot own', cx: x, cy: y, r: 5.5 }),
    element(
      'text',
      {
        class: 'label',
        x: isFarRight ? x - 10 : x + 10,
        y: y - 8,
        'text-anchor': isFarRight ? 'end' : 'start',
      },
      [text('kept')],
    ),
  ]);
}

function validationTable(points: readonly ValidationPoint[], bestEpisode: number): Markup {
  const columns: ReportColumn<ValidationPoint>[] = [
    { header: 'Episode', value: ({ episode }) => episode },
    { header: 'Objective (% of stock)', value: (row) => row.objectiveToStock * 100, digits: 1 },
    { header: 'Regret', value: ({ regret }) => regret, digits: 4 },
    { header: 'Kept', value: ({ episode }) => (episode === bestEpisode ? 'yes' : '') },
  ];
  return renderTable(columns, points);
}
