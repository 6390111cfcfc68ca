import { element, join, text, trim } from './markup.ts';
import type { Markup } from './markup.ts';

/** A full-width chart is drawn on this canvas and scaled by the page. */
export const CHART_WIDTH = 1120;

export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The usual frame of a full-width chart: room for tick labels on the left and an axis title below. */
export function chartFrame(height: number): Frame {
  return { left: 56, right: CHART_WIDTH - 16, top: 14, bottom: height - 44 };
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
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const first = Math.ceil(from / step);
  const length = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(length, 1) }, (_, i) => Number(((first + i) * step).toFixed(digits)));
}

export interface Axis {
  readonly frame: Frame;
  readonly scale: Scale;
  readonly values: readonly number[];
  readonly format: (value: number) => string;
  /** What is counted, with its unit. */
  readonly title?: string;
}

/** Horizontal grid lines with their labels on the left. */
export function yAxis({ frame, scale, values, format }: Axis): Markup {
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

/** Labels below the frame, and the axis title below them. */
export function xAxis({ frame, scale, values, format, title }: Axis): Markup {
  const middle = (frame.left + frame.right) / 2;
  return join([
    ...values.map((value) =>
      element('text', { class: 'tick', x: scale(value), y: frame.bottom + 18, 'text-anchor': 'middle' }, [
        text(format(value)),
      ]),
    ),
    ...(title === undefined
      ? []
      : [
          element('text', { class: 'tick', x: middle, y: frame.bottom + 38, 'text-anchor': 'middle' }, [
            text(title),
          ]),
        ]),
  ]);
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

/** The area between two lines over the same x; it breaks where either is unknown. */
export function bandPath(low: Line, high: Line, x: Scale, y: Scale): Markup {
  const isKnown = (i: number): boolean =>
    Number.isFinite(low.y[i] as number) && Number.isFinite(high.y[i] as number);
  const point = (line: Line, i: number): string =>
    `${trim(x(line.x[i] as number))} ${trim(y(line.y[i] as number))}`;
  let path = '';
  for (let start = 0; start < low.x.length; start++) {
    if (!isKnown(start)) continue;
    let end = start;
    while (end + 1 < low.x.length && isKnown(end + 1)) end++;
    const steps = Array.from({ length: end - start + 1 }, (_, i) => start + i);
    const outline = [...steps.map((i) => point(high, i)), ...steps.toReversed().map((i) => point(low, i))];
    path += `M${outline.join('L')}Z`;
    start = end;
  }
  return element('path', { class: 'band', d: path });
}

/** A complete drawing with a title for screen readers. */
export function drawing(
  title: string,
  size: { readonly width?: number; readonly height: number },
  parts: readonly Markup[],
): Markup {
  const viewBox = `0 0 ${size.width ?? CHART_WIDTH} ${trim(size.height)}`;
  return element('svg', { viewBox, role: 'img', 'aria-label': title }, parts);
}

/** A drawing with its caption above and its legend below. */
export function figure(caption: string, parts: readonly Markup[]): Markup {
  return element('figure', {}, [element('figcaption', {}, [text(caption)]), ...parts]);
}

export interface LegendEntry {
  readonly label: string;
  readonly className: string;
}

/** Words beside colour swatches. */
export function legend(entries: readonly LegendEntry[]): Markup {
  return element(
    'p',
    { class: 'legend' },
    entries.map(({ label, className }) =>
      element('span', {}, [element('i', { class: `swatch ${className}` }), text(label)]),
    ),
  );
}
