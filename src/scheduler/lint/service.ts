import type { ServiceConfig } from '../config.ts';
import type { ConfigFinding } from './finding.ts';

/** Finds what in our own configuration is unsafe or without effect. */
export function lintService(config: ServiceConfig): ConfigFinding[] {
  return RULES.filter(({ applies }) => applies(config)).map(({ level, rule, at, problem, advice }) => ({
    level,
    rule,
    at,
    problem: problem(config),
    advice,
  }));
}

interface ServiceRule extends Omit<ConfigFinding, 'problem'> {
  readonly applies: (config: ServiceConfig) => boolean;
  readonly problem: (config: ServiceConfig) => string;
}

function isOpen({ listen }: ServiceConfig): boolean {
  return !/^(?:127\.|localhost$|::1$)/.test(listen.host);
}

const RULES: readonly ServiceRule[] = [
  {
    level: 'ERROR',
    rule: 'no-tls',
    at: 'listen.host',
    applies: (config) => isOpen(config) && config.tls === undefined,
    problem: ({ listen }) =>
      `${listen.host} can be reached from elsewhere without TLS: anyone may read pods and steer placements`,
    advice: 'Set tls, or listen on 127.0.0.1.',
  },
  {
    level: 'WARNING',
    rule: 'no-probes',
    at: 'probes',
    applies: ({ tls, probes }) => tls !== undefined && probes === undefined,
    problem: () =>
      'the kubelet and Prometheus have no client certificate: their probes and scrapes will fail',
    advice: 'Set probes.host and probes.port.',
  },
  {
    level: 'ERROR',
    rule: 'no-prometheus',
    at: 'load.prometheusUrl',
    applies: ({ load }) => load.source === 'prometheus' && load.prometheusUrl === undefined,
    problem: () => 'load comes from Prometheus, but no address is given',
    advice: 'Set load.prometheusUrl.',
  },
  {
    level: 'WARNING',
    rule: 'pushed-load',
    at: 'load.source',
    applies: (config) => config.load.source === 'push' && isOpen(config),
    problem: () => 'whoever may call the service may also tell it what load nodes have',
    advice: 'Measure with prometheus outside of tests.',
  },
  {
    level: 'ERROR',
    rule: 'stale-too-soon',
    at: 'load.staleSeconds',
    applies: ({ load }) => load.staleSeconds < 2 * load.tickSeconds,
    problem: ({ load }) =>
      `load is unknown after ${load.staleSeconds} s, but measured every ${load.tickSeconds} s: one miss and we abstain`,
    advice: 'Set it to at least twice load.tickSeconds.',
  },
  {
    level: 'WARNING',
    rule: 'no-cluster',
    at: 'cluster.source',
    applies: ({ cluster }) => cluster.source === 'none',
    problem: () => 'no cluster is followed: no node is ever known, and every answer is neutral',
    advice: 'Set cluster.source to kubernetes.',
  },
  {
    level: 'ERROR',
    rule: 'filter-too-wide',
    at: 'filter.maxRejectedRatio',
    applies: ({ filter }) => filter.enabled && filter.maxRejectedRatio > 0.5,
    problem: ({ filter }) => `up to ${filter.maxRejectedRatio * 100} % of the nodes may be refused to a pod`,
    advice: 'Set it to 0.2 or less.',
  },
  {
    level: 'ERROR',
    rule: 'no-config-map',
    at: 'rollout.store',
    applies: ({ rollout, cluster }) => rollout.store === 'configmap' && cluster.source !== 'kubernetes',
    problem: () => 'a ConfigMap needs a cluster',
    advice: 'Set cluster.source to kubernetes, or rollout.store to file.',
  },
  {
    level: 'ERROR',
    rule: 'timeout',
    at: 'decision.budgetMs',
    applies: ({ decision }) => decision.budgetMs > 500,
    problem: ({ decision }) => `${decision.budgetMs} ms is long: pods are placed one after the other`,
    advice: 'Set it to 150 or less, below the timeout of the scheduler.',
  },
];
