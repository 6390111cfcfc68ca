import { element, join, text, trim } from './markup.ts';
import type { Markup } from './markup.ts';

/** Every chart is drawn on this canvas and scaled by the page. */
export const CHART_WIDTH = 960;

export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Maps data to canvas coordinates. */
export type Scale = (value: number) => number;

/** Linear scale; a domain without extent maps to the middle. */
export function linearScale(
  [from, to]: readonly [number, number],
  [start, end]: readonly [number, number],
): Scale {
  if (from === to) return () => (start + end) / 2;
  return (value) => start + ((value - from) / (to - from)) * (end - start);
}

/**
 * Round tick values within a domain: 1, 2 or 5 times a power of ten apart.
 *
 * @param count - About how many.
 */
export function ticks([from, to]: readonly [number, number], count: number): number[] {
  const raw = (to - from) / Math.max(count, 1);
  if (!(raw > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  const values: number[] = [];
  for (let value = Math.ceil(from / step) * step; value <= to + step * 1e-9; value += step) {
    values.push(Math.round(value / step) * step);
  }
  return values;
}

/** Horizontal grid lines with their labels on the left. */
export function yAxis(
  frame: Frame,
  scale: Scale,
  values: readonly number[],
  format: (value: number) => string,
): Markup {
  return join(
    values.map((value) =>
      join([
        element('line', {
          class: 'grid',
          x1: frame.left,
          x2: frame.right,
          y1: scale(value),
          y2: scale(value),
        }),
        element('text', { class: 'tick', x: frame.left - 8, y: scale(value) + 4, 'text-anchor': 'end' }, [
          text(format(value)),
        ]),
      ]),
    ),
  );
}

/** Labels below the frame. */
export function xAxis(
  frame: Frame,
  scale: Scale,
  values: readonly number[],
  format: (value: number) => string,
): Markup {
  return join(
    values.map((value) =>
      element('text', { class: 'tick', x: scale(value), y: frame.bottom + 18, 'text-anchor': 'middle' }, [
        text(format(value)),
      ]),
    ),
  );
}

export interface Line {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

/** A line that breaks where a value is unknown (NaN). */
export function linePath(line: Line, x: Scale, y: Scale, className: string): Markup {
  let path = '';
  let isOpen = false;
  for (let i = 0; i < line.x.length; i++) {
    const value = line.y[i] as number;
    if (Number.isNaN(value)) {
      isOpen = false;
      continue;
    }
    path += `${isOpen ? 'L' : 'M'}${trim(x(line.x[i] as number))} ${trim(y(value))}`;
    isOpen = true;
  }
  return element('path', { class: `line ${className}`, d: path });
}

/** The area between two lines over the same x; steps where either is unknown are left out. */
export function bandPath(low: Line, high: Line, x: Scale, y: Scale): Markup {
  const known = Array.from(low.x, (_, i) => i).filter(
    (i) => Number.isFinite(low.y[i] as number) && Number.isFinite(high.y[i] as number),
  );
  const point = (line: Line, i: number): string =>
    `${trim(x(line.x[i] as number))} ${trim(y(line.y[i] as number))}`;
  const up = known.map((i) => point(high, i));
  const down = known.toReversed().map((i) => point(low, i));
  return element('path', { class: 'band', d: up.length > 0 ? `M${[...up, ...down].join('L')}Z` : '' });
}

/** A complete drawing with a title for screen readers. */
export function drawing(title: string, height: number, parts: readonly Markup[]): Markup {
  return element('svg', { viewBox: `0 0 ${CHART_WIDTH} ${height}`, role: 'img', 'aria-label': title }, parts);
}

export interface LegendEntry {
  readonly label: string;
  readonly className: string;
}

/** Words beside colour swatches, above the drawing. */
export function legend(entries: readonly LegendEntry[]): Markup {
  return element(
    'p',
    { class: 'legend' },
    entries.map(({ label, className }) =>
      element('span', {}, [element('i', { class: `swatch ${className}` }), text(label)]),
    ),
  );
}
