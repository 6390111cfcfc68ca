import { element, join, text } from './markup.ts';
import type { Markup } from './markup.ts';
import { STYLE } from './style.ts';

/** One part of a page, reached from the bar at its top. */
interface PageSection {
  /** Anchor, kebab-case. */
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
}

export interface Page {
  readonly title: string;
  /** What was run, on what, when. */
  readonly facts: Markup;
  /** The answer in a few lines. */
  readonly verdicts: readonly Markup[];
  readonly sections: readonly PageSection[];
}

/** Puts a page together: one self-contained HTML document, no script, nothing from the network. */
export function renderPage({ title, facts, verdicts, sections }: Page): string {
  const head = element('head', {}, [
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' as Markup,
    element('title', {}, [text(title)]),
    element('style', {}, [STYLE as Markup]),
  ]);
  const links = sections.map(({ id, title: name }) => element('a', { href: `#${id}` }, [text(name)]));
  const header = element('header', {}, [
    element('h1', {}, [text(title)]),
    facts,
    element('div', { class: 'verdicts' }, verdicts),
    element('nav', { 'aria-label': 'Sections' }, links),
  ]);
  const parts = sections.map(({ id, title: name, body }) =>
    element('section', { id }, [element('h2', {}, [text(name)]), body]),
  );
  const body = join([header, element('main', {}, parts)]);
  return `<!doctype html>${element('html', { lang: 'en' }, [head, element('body', {}, [body])])}\n`;
}
