/** Markup that is safe to embed: made by the functions of this file only. */
export type Markup = string & { readonly __markup: unique symbol };

export type Attributes = Readonly<Record<string, string | number | undefined>>;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(raw: string): string {
  return raw.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** Any text, also from data: names of machines, pods and policies can hold no markup. */
export function text(raw: string): Markup {
  return escapeText(raw) as Markup;
}

export function join(parts: readonly Markup[]): Markup {
  return parts.join('') as Markup;
}

/**
 * One element of HTML or SVG.
 *
 * @param attributes - Values are escaped; undefined leaves the attribute out; numbers are cut to 2 digits, which is
 *   more than a screen shows.
 */
export function element(name: string, attributes: Attributes, children: readonly Markup[] = []): Markup {
  const rendered = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escapeText(typeof value === 'number' ? trim(value) : String(value))}"`)
    .join('');
  return `<${name}${rendered}>${children.join('')}</${name}>` as Markup;
}

/** A paragraph of plain text. */
export function paragraph(raw: string, className?: string): Markup {
  return element('p', { class: className }, [text(raw)]);
}

/** A number as short as a plot needs it. */
export function trim(value: number): string {
  return String(Math.round(value * 100) / 100);
}
