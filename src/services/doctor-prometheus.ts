import { probeCatalogue, probeReach } from '#collect';
import type { MetricPresence } from '#collect';
import { isMlschedError, messageOf } from '#kernel/errors';
import { formatDuration, SECOND_MS } from '#kernel/units';
import { openSource } from './collect-source.ts';
import type { CollectSource, CollectSourceOptions } from './collect-source.ts';
import type { DoctorCheck } from './doctor.ts';

/** History that the models want (REQUIREMENTS DATA-2). */
const WANTED_DAYS = 30;
const TOLERATED_SKEW_MS = 5 * SECOND_MS;
const FRESH_SECONDS = 180;
/** Without it nothing works at all. */
const VITAL_COLUMN = 'cpu_usage_ratio';

/**
 * Looks at a Prometheus: can it be reached and how, what does it know of which nodes, since when, and what does the
 * absence of a metric cost. Never throws: a check that fails is an answer.
 */
export async function examinePrometheus(source: CollectSourceOptions, nowMs: number): Promise<DoctorCheck[]> {
  try {
    const opened = await openSource(source, nowMs);
    const presence = await probeCatalogue(opened.reader, nowMs, { identity: opened.identity });
    return [
      checkProtocol(opened),
      checkClock(opened),
      checkReach(await probeReach(opened.reader, nowMs)),
      checkNodes(opened, presence),
      ...presence.map((metric) => checkMetric(metric, nowMs)),
    ];
  } catch (error) {
    const advice = isMlschedError(error) ? error.hint : undefined;
    return [
      { name: 'prometheus', level: 'ERROR', found: messageOf(error), advice: advice ?? 'check the address' },
    ];
  }
}

function checkProtocol({ reader }: CollectSource): DoctorCheck {
  if (reader.protocol === 'remote-read') {
    return { name: 'prometheus', level: 'OK', found: 'answers by remote read', advice: undefined };
  }
  return {
    name: 'prometheus',
    level: 'OK',
    found: 'answers queries only',
    advice:
      'history comes many times faster by remote read: give the address of Prometheus itself, not of a proxy',
  };
}

function checkClock({ reader }: CollectSource): DoctorCheck {
  const skewMs = reader.clockSkewMs?.() ?? 0;
  const name = 'clock';
  if (Math.abs(skewMs) <= TOLERATED_SKEW_MS)
    return { name, level: 'OK', found: 'agrees with ours', advice: undefined };
  const found = `${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} ours`;
  return {
    name,
    level: 'WARNING',
    found,
    advice: 'set both clocks by NTP; collection goes by the clock of Prometheus',
  };
}

function checkReach(days: number): DoctorCheck {
  const name = 'history';
  const found = days === 0 ? 'less than a day' : `at least ${days} days`;
  if (days >= WANTED_DAYS) return { name, level: 'OK', found, advice: undefined };
  return {
    name,
    level: 'WARNING',
    found,
    advice: `models want ${WANTED_DAYS} days: raise --storage.tsdb.retention.time, or run 'mlsched collect live' from now on`,
  };
}

function checkNodes({ identity }: CollectSource, presence: readonly MetricPresence[]): DoctorCheck {
  const withCpu = new Set(presence.find(({ metric }) => metric.column === VITAL_COLUMN)?.nodes);
  const strangers = new Set(presence.flatMap(({ nodes }) => nodes).filter((node) => !withCpu.has(node)));
  const found = `${withCpu.size} with CPU samples${listed(' also named: ', [...strangers])}`;
  const name = 'nodes';
  const conflicts = identity.conflicts.map(({ sentence }) => sentence);
  if (withCpu.size === 0) {
    return { name, level: 'ERROR', found, advice: 'scrape node_exporter on every node' };
  }
  if (strangers.size === 0 && conflicts.length === 0) return { name, level: 'OK', found, advice: undefined };
  const advice = [
    ...(strangers.size > 0 ? ['give the addresses of node_exporter their node names with --node-map'] : []),
    ...conflicts,
  ];
  return { name, level: 'WARNING', found, advice: advice.join('; ') };
}

const MAX_LISTED = 5;

function listed(intro: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : '';
  return `;${intro}${names.slice(0, MAX_LISTED).join(', ')}${more}`;
}

function checkMetric(presence: MetricPresence, nowMs: number): DoctorCheck {
  const { metric, series, nodes, names, newestMs, intervalSeconds } = presence;
  const name = metric.column;
  if (series === 0) {
    const level = metric.column === VITAL_COLUMN ? 'ERROR' : 'WARNING';
    return { name, level, found: `absent (${metric.exporter})`, advice: metric.ifAbsent };
  }
  const ageSeconds = Math.max(0, Math.round((nowMs - newestMs) / SECOND_MS));
  const of = metric.scope === 'node' ? ` of ${nodes.length} nodes` : '';
  const old = names.filter((found) => found !== presentName(presence));
  const found = `${series} series${of}, each ${Math.round(intervalSeconds)} s, newest ${ageSeconds} s old${old.length > 0 ? ` (as ${old.join(', ')})` : ''}`;
  if (ageSeconds <= FRESH_SECONDS) return { name, level: 'OK', found, advice: undefined };
  return { name, level: 'WARNING', found, advice: `check that ${metric.exporter} is still scraped` };
}

function presentName({ metric }: MetricPresence): string {
  return (metric.selector[0]?.value ?? '').split('|')[0] ?? '';
}
