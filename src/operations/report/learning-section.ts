import { CHART_WIDTH, drawing, legend, linearScale, linePath, ticks, xAxis, yAxis } from './chart.ts';
import type { Frame } from './chart.ts';
import { element, text } from './markup.ts';
import type { Markup } from './markup.ts';
import type { LearningPoint } from './types.ts';

const HEIGHT = 200;
const FRAME: Frame = { left: 56, right: CHART_WIDTH - 12, top: 12, bottom: HEIGHT - 30 };

/** Objective on the validation scenarios over the episodes of training; lower is better. */
export function learningChart(points: readonly LearningPoint[]): Markup {
  const measured = points.filter(({ validationObjective }) => Number.isFinite(validationObjective));
  if (measured.length < 2)
    return element('p', {}, [
      text('The placement model was reused from an earlier run; no curve was recorded.'),
    ]);
  const episodes = measured.map(({ episode }) => episode);
  const values = measured.map(({ validationObjective }) => validationObjective);
  const xDomain = [Math.min(...episodes), Math.max(...episodes)] as const;
  const yDomain = [0, Math.max(...values) * 1.1] as const;
  const x = linearScale(xDomain, [FRAME.left, FRAME.right]);
  const y = linearScale(yDomain, [FRAME.bottom, FRAME.top]);
  return element('figure', {}, [
    drawing('Objective on validation scenarios over training episodes', HEIGHT, [
      yAxis(FRAME, y, ticks(yDomain, 4), (value) => value.toFixed(1)),
      xAxis(FRAME, x, ticks(xDomain, 8), String),
      linePath({ x: episodes, y: values }, x, y, 'placement'),
    ]),
    legend([
      { label: 'objective on validation traces, by episode (lower is better)', className: 'placement' },
    ]),
  ]);
}
