import { createHttpClient } from '#platform/http-client';
import type { HttpClientOptions } from '#platform/http-client';
import { answerUnreadable } from './errors.ts';
import type { ListedAlert, TimedAlert } from './types.ts';

/** Where Alertmanager is and how it is talked to. */
export type AlertmanagerOptions = Omit<HttpClientOptions, 'service'>;

/** Talks to one Alertmanager by its API v2. */
export interface Alertmanager {
  /**
   * Tells the state of alerts. Telling the same again changes nothing, so a lost answer does no harm.
   *
   * @throws MlschedError those of the HTTP client.
   */
  post(alerts: readonly TimedAlert[]): Promise<void>;
  /** Alerts that are not over. */
  list(): Promise<ListedAlert[]>;
  close(): Promise<void>;
}

/** Alertmanager reads a whole request before it answers: as many at once as Prometheus sends. */
const BATCH = 256;
const ANSWER_LIMIT_BYTES = 16 * 2 ** 20;

export function openAlertmanager(options: AlertmanagerOptions): Alertmanager {
  const client = createHttpClient({
    answerLimitBytes: ANSWER_LIMIT_BYTES,
    timeoutSeconds: 10,
    attempts: 2,
    ...options,
    service: 'Alertmanager',
  });
  return {
    async post(alerts) {
      for (let from = 0; from < alerts.length; from += BATCH) {
        const body = JSON.stringify(alerts.slice(from, from + BATCH).map(encode));
        const headers = { 'content-type': 'application/json' };
        await client.send({ method: 'POST', path: '/api/v2/alerts', headers, body, isRepeatable: true });
      }
    },
    async list() {
      const answer = await client.send({ method: 'GET', path: '/api/v2/alerts' });
      try {
        return (answer.json() as WireAlert[]).map(decode);
      } catch (error) {
        throw answerUnreadable(options.baseUrl, error);
      }
    },
    close: () => client.close(),
  };
}

function encode({ labels, annotations, startsAtMs, endsAtMs, generatorUrl }: TimedAlert): object {
  return {
    labels,
    annotations,
    startsAt: new Date(startsAtMs).toISOString(),
    endsAt: new Date(endsAtMs).toISOString(),
    ...(generatorUrl === undefined ? {} : { generatorURL: generatorUrl }),
  };
}

interface WireAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: { readonly state: ListedAlert['state'] };
  readonly startsAt: string;
  readonly endsAt: string;
}

function decode({ labels, annotations, status, startsAt, endsAt }: WireAlert): ListedAlert {
  return {
    labels,
    annotations,
    state: status.state,
    startsAtMs: Date.parse(startsAt),
    endsAtMs: Date.parse(endsAt),
  };
}
