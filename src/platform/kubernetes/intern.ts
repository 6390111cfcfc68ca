/** Most different values that are remembered; past that the table starts anew, which costs sharing only. */
const MAX_ENTRIES = 50_000;

/**
 * Lets equal strings and label sets share one copy: 10,000s of pods repeat the same namespaces, node names and labels.
 */
export interface Interner {
  text(value: string): string;
  record(value: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>>;
}

const EMPTY: Readonly<Record<string, string>> = Object.freeze({});

export function createInterner(): Interner {
  const texts = new Map<string, string>();
  const records = new Map<string, Readonly<Record<string, string>>>();
  const text = (value: string): string => {
    const known = texts.get(value);
    if (known !== undefined) return known;
    if (texts.size >= MAX_ENTRIES) texts.clear();
    texts.set(value, value);
    return value;
  };
  return {
    text,
    record(value) {
      if (value === undefined) return EMPTY;
      const key = JSON.stringify(value);
      const known = records.get(key);
      if (known !== undefined) return known;
      if (records.size >= MAX_ENTRIES) records.clear();
      const shared = Object.freeze(
        Object.fromEntries(Object.entries(value).map(([name, content]) => [text(name), text(content)])),
      );
      records.set(key, shared);
      return shared;
    },
  };
}
