import { createHttpClient } from '#platform/http-client';
import { explainRecords, readJournal } from '#scheduler';
import type { Explanation } from '#scheduler';

/** Where decisions are read: a service's memory, or a journal's files. */
type DecisionPlace = { readonly server: string } | { readonly journal: string };

/**
 * The latest decisions about a pod, the newest first; empty when nothing is known of it.
 *
 * @throws MlschedError `MLS_HTTP_*` when the service cannot be asked.
 */
export async function explainPod(place: DecisionPlace, pod: string, limit: number): Promise<Explanation[]> {
  if ('journal' in place) {
    return explainRecords(await readJournal({ directory: place.journal, pod })).slice(0, limit);
  }
  const client = createHttpClient({ service: 'decision service', baseUrl: place.server, timeoutSeconds: 10 });
  try {
    const answer = await client.send({ method: 'GET', path: '/v1/decisions', query: { pod, limit } });
    return (answer.json() as { decisions: Explanation[] }).decisions;
  } finally {
    await client.close();
  }
}
