import { isMlschedError } from '#kernel/errors';
import { SECOND_MS } from '#kernel/units';
import type { PrometheusReader, PrometheusSeries, SampleSelection } from './types.ts';

/** Shorter spans are not asked for: a server that refuses even these has another trouble. */
const SHORTEST_SPAN_MS = 30 * SECOND_MS;

/**
 * Reads in shorter spans from a server that calls longer ones too much (413, 422, or its own time limit), and
 * remembers what it took, so that each limit is met once.
 *
 * @remarks Spans are half open, so the pieces of a series share no sample and lose none.
 */
export function createHalvingReader(reader: PrometheusReader): PrometheusReader {
  let longestMs = Infinity;
  async function* read(selection: SampleSelection): AsyncGenerator<PrometheusSeries> {
    const spanMs = selection.endMs - selection.startMs;
    if (spanMs <= longestMs) {
      try {
        yield* reader.read(selection);
        return;
      } catch (error) {
        // The refusal is the answer's status, so nothing was handed out before it.
        const isTooLarge = isMlschedError(error) && error.code === 'MLS_PROMETHEUS_TOO_LARGE';
        if (!isTooLarge || spanMs / 2 < SHORTEST_SPAN_MS) throw error;
        longestMs = Math.min(longestMs, Math.ceil(spanMs / 2));
      }
    }
    const pieces: Pieces = new Map();
    for (let startMs = selection.startMs; startMs < selection.endMs;) {
      const endMs = Math.min(startMs + longestMs, selection.endMs);
      for await (const series of read({ ...selection, startMs, endMs })) keep(pieces, series);
      startMs = endMs;
    }
    for (const list of pieces.values()) yield join(list);
  }
  return { protocol: reader.protocol, read, clockSkewMs: () => reader.clockSkewMs?.() };
}

type Pieces = Map<string, PrometheusSeries[]>;

function keep(pieces: Pieces, series: PrometheusSeries): void {
  const key = JSON.stringify(Object.entries(series.labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  const list = pieces.get(key);
  if (list === undefined) pieces.set(key, [series]);
  else list.push(series);
}

function join(list: readonly PrometheusSeries[]): PrometheusSeries {
  const length = list.reduce((sum, { timesMs }) => sum + timesMs.length, 0);
  const timesMs = new Float64Array(length);
  const values = new Float64Array(length);
  let at = 0;
  for (const piece of list) {
    timesMs.set(piece.timesMs, at);
    values.set(piece.values, at);
    at += piece.timesMs.length;
  }
  return { labels: list[0]?.labels ?? {}, timesMs, values };
}
