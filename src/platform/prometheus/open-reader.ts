import { isMlschedError } from '#kernel/errors';
import { createHalvingReader } from './halving-reader.ts';
import { createQueryReader } from './query-reader.ts';
import { createRemoteReader } from './remote-read.ts';
import type { PrometheusOptions, PrometheusReader, PrometheusSeries, SampleSelection } from './types.ts';

/** Errors that say "not by remote read here", as opposed to "not now" or "not you". */
const NO_REMOTE_READ = new Set(['MLS_PROMETHEUS_UNSUPPORTED', 'MLS_PROMETHEUS_REFUSED']);

/**
 * Finds out how a server gives raw samples: by remote read, or else by queries. The reader asks for shorter spans
 * where the server's limits demand it.
 *
 * @param probe - A small selection that is read to find out.
 * @throws MlschedError when the server can be reached by neither.
 */
export async function openReader(
  options: PrometheusOptions,
  probe: SampleSelection,
): Promise<PrometheusReader> {
  const remote = createHalvingReader(createRemoteReader(options));
  try {
    await drain(remote.read(probe));
    return remote;
  } catch (error) {
    const isBrokenForm = isMlschedError(error) && error.code === 'MLS_PROMETHEUS_BROKEN_STREAM';
    if (!isBrokenForm && !(isMlschedError(error) && NO_REMOTE_READ.has(error.code))) throw error;
  }
  const query = createHalvingReader(createQueryReader(options));
  await drain(query.read(probe));
  return query;
}

async function drain(series: AsyncIterable<PrometheusSeries>): Promise<void> {
  for await (const _ of series) break;
}
