/** Headings, captions, column headers and drawings of a page in order, one a line. */
export function outlineOf(page: string): string {
  const parts = page.matchAll(
    /<(h1|h2|h3|figcaption|summary|th scope="col"|svg)[^>]*?(?: aria-label="([^"]*)")?>(.*?)(?=<\/(?:h1|h2|h3|figcaption|summary|th)>|<)/g,
  );
  return [...parts]
    .map(([, name, label, words]) => `${name?.split(' ')[0]} ${label ?? words}`.trim())
    .join('\n')
    .concat('\n');
}
