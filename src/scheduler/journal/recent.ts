import { explainRecords } from './explain.ts';
import type { Explanation } from './explain.ts';
import type { JournalRecord } from './record.ts';

/** The newest records in memory, for the API. */
export interface RecentRecords {
  add(record: JournalRecord): void;
  /** The latest first. */
  list(query: { readonly pod?: string | undefined; readonly limit: number }): Explanation[];
  find(id: string): Explanation | undefined;
}

const DEFAULT_LIMIT = 6_000;

export function createRecentRecords(limit = DEFAULT_LIMIT): RecentRecords {
  const ring: JournalRecord[] = [];
  let next = 0;
  const inOrder = (): JournalRecord[] => [...ring.slice(next), ...ring.slice(0, next)];
  return {
    add(record) {
      ring[next] = record;
      next = (next + 1) % limit;
    },
    list: ({ pod, limit: most }) =>
      explainRecords(inOrder())
        .filter((explanation) => pod === undefined || podOf(explanation) === pod)
        .slice(0, most),
    find: (id) =>
      explainRecords(inOrder()).find(
        (explanation) => explanation.kind === 'decision' && explanation.decision.id === id,
      ),
  };
}

function podOf(explanation: Explanation): string {
  const { namespace, name } = explanation.kind === 'decision' ? explanation.decision.pod : explanation.bound;
  return `${namespace}/${name}`;
}
