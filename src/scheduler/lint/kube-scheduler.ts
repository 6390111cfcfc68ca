import { z } from 'zod';

import type { ConfigFinding } from './finding.ts';

/** Of the KubeSchedulerConfiguration only what the rules read; the rest is kube-scheduler's own business. */
const tlsSchema = z.looseObject({
  insecure: z.boolean().optional(),
  caFile: z.string().optional(),
  caData: z.string().optional(),
  certFile: z.string().optional(),
  certData: z.string().optional(),
});
const extenderSchema = z.looseObject({
  urlPrefix: z.string().default(''),
  filterVerb: z.string().default(''),
  prioritizeVerb: z.string().default(''),
  preemptVerb: z.string().default(''),
  bindVerb: z.string().default(''),
  weight: z.number().optional(),
  enableHTTPS: z.boolean().default(false),
  tlsConfig: tlsSchema.optional(),
  httpTimeout: z.union([z.string(), z.number()]).optional(),
  nodeCacheCapable: z.boolean().default(false),
  ignorable: z.boolean().default(false),
  managedResources: z.array(z.unknown()).default([]),
});
const pluginRef = z.looseObject({ name: z.string(), weight: z.number().optional() });
const pluginSet = z.looseObject({ enabled: z.array(pluginRef).default([]) }).optional();
const argsSchema = z.looseObject({
  urls: z.array(z.string()).default([]),
  timeoutMs: z.number().optional(),
  influenceRatio: z.number().optional(),
  allowPlainHTTP: z.boolean().default(false),
  filter: z.looseObject({ enabled: z.boolean().default(false) }).optional(),
  tls: z.looseObject({ caFile: z.string().default(''), certFile: z.string().default('') }).optional(),
});
const profileSchema = z.looseObject({
  schedulerName: z.string().default('default-scheduler'),
  plugins: z.looseObject({ multiPoint: pluginSet, score: pluginSet, bind: pluginSet }).optional(),
  pluginConfig: z.array(z.looseObject({ name: z.string(), args: z.unknown().optional() })).default([]),
});
export const kubeSchedulerSchema = z.looseObject({
  kind: z.literal('KubeSchedulerConfiguration'),
  profiles: z.array(profileSchema).default([]),
  extenders: z.array(extenderSchema).default([]),
});

type KubeSchedulerConfig = z.output<typeof kubeSchedulerSchema>;
type Extender = z.output<typeof extenderSchema>;
type Profile = z.output<typeof profileSchema>;

/** Name of our plugin in a profile. */
const PLUGIN = 'Mlsched';
/** kube-scheduler's own default, and the longest that a scheduler which places one pod at a time should wait. */
const DEFAULT_TIMEOUT_MS = 5000;
const LONGEST_TIMEOUT_MS = 500;
/** Weights of the default score plugins: 3 + 2 + 2 + 2 + 1 + 1 + 1; the two that compare resources weigh 2. */
const DEFAULT_WEIGHTS = 12;
const RESOURCE_WEIGHTS = 2;

/** Finds what in a KubeSchedulerConfiguration is unsafe, slow, or without effect. */
export function lintKubeScheduler(config: KubeSchedulerConfig): ConfigFinding[] {
  return [
    ...config.extenders.flatMap((extender, i) => lintExtender(extender, `extenders[${i}]`)),
    ...lintSharing(config),
    ...config.profiles.flatMap((profile, i) => lintProfile(profile, `profiles[${i}]`)),
  ];
}

type Rule<T> = (subject: T, at: string) => ConfigFinding | undefined;

function warning(rule: string, at: string, problem: string, advice: string): ConfigFinding {
  return { level: 'WARNING', rule, at, problem, advice };
}

function error(rule: string, at: string, problem: string, advice: string): ConfigFinding {
  return { level: 'ERROR', rule, at, problem, advice };
}

function lintExtender(extender: Extender, at: string): ConfigFinding[] {
  return EXTENDER_RULES.flatMap((rule) => rule(extender, at) ?? []);
}

const EXTENDER_RULES: readonly Rule<Extender>[] = [
  ({ urlPrefix, enableHTTPS }, at) =>
    isPlain(urlPrefix) && !enableHTTPS && !isLoopback(urlPrefix)
      ? error(
          'no-tls',
          `${at}.urlPrefix`,
          `${urlPrefix} is not encrypted`,
          'Use https:// with tlsConfig: anyone on the path can read and steer placements.',
        )
      : undefined,
  ({ urlPrefix, enableHTTPS, tlsConfig }, at) =>
    (isSecure(urlPrefix) || enableHTTPS) && (tlsConfig?.caFile ?? tlsConfig?.caData) === undefined
      ? error(
          'no-ca',
          `${at}.tlsConfig`,
          'no authority is given: kube-scheduler then verifies nothing',
          'Set caFile or caData to the authority of the decision service.',
        )
      : undefined,
  ({ tlsConfig }, at) =>
    tlsConfig?.insecure === true
      ? error(
          'insecure-tls',
          `${at}.tlsConfig.insecure`,
          'the certificate of the service is not verified',
          'Remove insecure and give the authority.',
        )
      : undefined,
  ({ urlPrefix, tlsConfig }, at) =>
    isSecure(urlPrefix) && (tlsConfig?.certFile ?? tlsConfig?.certData) === undefined
      ? warning(
          'no-client-certificate',
          `${at}.tlsConfig`,
          'the service cannot tell who asks',
          'Set certFile and keyFile, and require them in the service (tls.allowedClientNames).',
        )
      : undefined,
  ({ httpTimeout }, at) => lintTimeout(httpTimeout, at),
  ({ ignorable, filterVerb }, at) => {
    if (ignorable) return undefined;
    const advice = 'Set ignorable: true.';
    return filterVerb === ''
      ? warning(
          'not-ignorable',
          `${at}.ignorable`,
          'only errors of prioritize are ignored as it stands',
          advice,
        )
      : error('not-ignorable', `${at}.ignorable`, 'when the service is down no pod is scheduled', advice);
  },
  ({ nodeCacheCapable }, at) =>
    nodeCacheCapable
      ? undefined
      : warning(
          'whole-nodes',
          `${at}.nodeCacheCapable`,
          'whole nodes are sent with each pod: megabytes at 1,000 nodes',
          'Set nodeCacheCapable: true; the service follows the nodes by itself.',
        ),
  ({ filterVerb }, at) =>
    filterVerb === ''
      ? undefined
      : warning(
          'filter',
          `${at}.filterVerb`,
          'a filter can make every pod unschedulable, and costs one more call a pod',
          'Leave it out unless the filter of the service is on (filter.enabled).',
        ),
  ({ bindVerb }, at) =>
    bindVerb === ''
      ? undefined
      : error(
          'bind',
          `${at}.bindVerb`,
          'the service does not bind: no pod would ever be bound',
          'Remove bindVerb.',
        ),
  ({ preemptVerb }, at) =>
    preemptVerb === ''
      ? undefined
      : error('preempt', `${at}.preemptVerb`, 'the service does not answer this verb', 'Remove preemptVerb.'),
  ({ prioritizeVerb, weight }, at) =>
    lintWeight(prioritizeVerb === '' ? undefined : (weight ?? 0), at, 'weight'),
];

function lintTimeout(httpTimeout: string | number | undefined, at: string): ConfigFinding | undefined {
  const timeoutMs = httpTimeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs(httpTimeout);
  if (Number.isNaN(timeoutMs))
    return error('timeout', `${at}.httpTimeout`, `${httpTimeout} is no duration`, 'Write it as 200ms.');
  if (timeoutMs > 0 && timeoutMs <= LONGEST_TIMEOUT_MS) return undefined;
  const given = httpTimeout === undefined ? 'the default of 5 s applies' : `it is ${httpTimeout}`;
  return error(
    'timeout',
    `${at}.httpTimeout`,
    `${given}: pods are placed one after the other, and each would wait that long for a service that hangs`,
    'Set httpTimeout: 200ms.',
  );
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A Go duration such as `1m30s`, or a number of nanoseconds. */
function durationMs(value: string | number): number {
  if (typeof value === 'number') return value * 1e-6;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+$/.test(value)) return Number.NaN;
  return [...value.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN),
    0,
  );
}

/** An extender's 0..10 and a plugin's 0..100 both come to 100 points per unit of weight. */
function lintWeight(weight: number | undefined, at: string, key: string): ConfigFinding | undefined {
  if (weight === undefined) return undefined;
  if (weight <= 0)
    return error(
      'weight',
      `${at}.${key}`,
      `a weight of ${weight} gives no influence`,
      'Set a weight between 2 and 11.',
    );
  if (weight >= DEFAULT_WEIGHTS)
    return warning(
      'weight-drowns',
      `${at}.${key}`,
      `${weight} outweighs all default scores together (${DEFAULT_WEIGHTS}): affinity, taints and spreading no longer count`,
      'Set a weight between 2 and 11.',
    );
  if (weight < RESOURCE_WEIGHTS)
    return warning(
      'weight-drowned',
      `${at}.${key}`,
      `${weight} is less than the two default scores that compare resources (${RESOURCE_WEIGHTS}): they decide`,
      'Set a weight between 2 and 11.',
    );
  return undefined;
}

/** Extenders belong to all profiles of a scheduler. */
function lintSharing({ profiles, extenders }: KubeSchedulerConfig): ConfigFinding[] {
  if (extenders.length === 0) return [];
  const found: ConfigFinding[] = [];
  const isLimited = extenders.every(({ managedResources }) => managedResources.length > 0);
  if (profiles.length > 1 && !isLimited)
    found.push(
      warning(
        'shared-extender',
        'profiles',
        `${profiles.length} profiles share the extender: the pods of each wait for it`,
        'Run a second kube-scheduler for the profile that uses it, or use the plugin.',
      ),
    );
  const hasPlugin = profiles.some((profile) => pluginsOf(profile).length > 0);
  if (hasPlugin)
    found.push(
      error(
        'twice',
        'extenders',
        'the plugin and the extender are both set: each pod is scored twice',
        'Keep the plugin and remove the extender.',
      ),
    );
  return found;
}

function pluginsOf({ plugins }: Profile): { ref: z.output<typeof pluginRef>; key: string }[] {
  return (['multiPoint', 'score'] as const).flatMap((point) =>
    (plugins?.[point]?.enabled ?? []).flatMap((ref, i) =>
      ref.name === PLUGIN ? [{ ref, key: `plugins.${point}.enabled[${i}]` }] : [],
    ),
  );
}

function lintProfile(profile: Profile, at: string): ConfigFinding[] {
  const used = pluginsOf(profile);
  const found = used.flatMap(({ ref, key }) => lintWeight(ref.weight ?? 1, `${at}.${key}`, 'weight') ?? []);
  const position = profile.pluginConfig.findIndex(({ name }) => name === PLUGIN);
  if (used.length > 0 && position < 0)
    found.push(
      error(
        'no-args',
        `${at}.pluginConfig`,
        `${PLUGIN} is enabled without its arguments`,
        'Add pluginConfig with the urls of the service.',
      ),
    );
  const parsed = argsSchema.safeParse(profile.pluginConfig[position]?.args ?? {});
  if (position < 0 || !parsed.success) return found;
  return [...found, ...lintArgs(parsed.data, `${at}.pluginConfig[${position}].args`)];
}

function lintArgs(args: z.output<typeof argsSchema>, at: string): ConfigFinding[] {
  const found: ConfigFinding[] = [];
  args.urls.forEach((url, i) => {
    if (isPlain(url) && !isLoopback(url))
      found.push(
        error(
          'no-tls',
          `${at}.urls[${i}]`,
          `${url} is not encrypted`,
          'Use https:// with tls.caFile: anyone on the path can read and steer placements.',
        ),
      );
    if (isSecure(url) && (args.tls?.caFile ?? '') === '')
      found.push(
        warning(
          'no-ca',
          `${at}.tls.caFile`,
          'every authority of the system is trusted',
          'Name the authority of the decision service.',
        ),
      );
    if (isSecure(url) && (args.tls?.certFile ?? '') === '')
      found.push(
        warning(
          'no-client-certificate',
          `${at}.tls.certFile`,
          'the service cannot tell who asks',
          'Set certFile and keyFile.',
        ),
      );
  });
  if ((args.timeoutMs ?? 0) > LONGEST_TIMEOUT_MS)
    found.push(
      error(
        'timeout',
        `${at}.timeoutMs`,
        `${args.timeoutMs} ms is long: pods are placed one after the other`,
        'Set timeoutMs: 200.',
      ),
    );
  if (args.filter?.enabled === true)
    found.push(
      warning(
        'filter',
        `${at}.filter.enabled`,
        'a filter can make pods unschedulable',
        'Leave it off unless the filter of the service is on too.',
      ),
    );
  return found;
}

function isPlain(url: string): boolean {
  return url.startsWith('http://');
}

function isSecure(url: string): boolean {
  return url.startsWith('https://');
}

function isLoopback(url: string): boolean {
  return /^https?:\/\/(?:127\.|localhost[:/]|localhost$|\[::1\])/.test(url);
}
