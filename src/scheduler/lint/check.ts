import { parseAllDocuments } from 'yaml';

import { parseServiceConfig } from '../config.ts';
import { serviceConfigInvalid } from '../errors.ts';
import type { ConfigFinding } from './finding.ts';
import { kubeSchedulerSchema, lintKubeScheduler } from './kube-scheduler.ts';
import { lintService } from './service.ts';

export interface ConfigReport {
  readonly file: string;
  readonly kind: 'kube-scheduler' | 'mlsched';
  readonly findings: readonly ConfigFinding[];
}

/**
 * Checks a file that holds a KubeSchedulerConfiguration (also inside a ConfigMap), or our own configuration.
 *
 * @throws MlschedError `MLS_SCHEDULER_CONFIG` when it is neither.
 */
export function checkConfig(text: string, file: string): ConfigReport[] {
  const documents = parseAllDocuments(text);
  const broken = documents.flatMap((document) => ('errors' in document ? document.errors : []))[0];
  if (broken !== undefined)
    throw serviceConfigInvalid(
      file,
      `is not YAML: ${broken.message}`,
      'Check the indentation of the line named.',
    );
  const values = documents.map((document) => ('toJS' in document ? (document.toJS() as unknown) : undefined));
  const embedded = values.flatMap(configMapTexts).flatMap((inner) => checkConfig(inner, file));
  const schedulers = values.filter((value) => kindOf(value) === 'KubeSchedulerConfiguration');
  if (schedulers.length + embedded.length === 0) return [checkService(text, file)];
  return [
    ...embedded,
    ...schedulers.map((value): ConfigReport => {
      const parsed = kubeSchedulerSchema.safeParse(value);
      if (parsed.success) return { file, kind: 'kube-scheduler', findings: lintKubeScheduler(parsed.data) };
      const issue = parsed.error.issues[0];
      throw serviceConfigInvalid(
        file,
        `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`,
        'Compare it with the KubeSchedulerConfiguration of your version of Kubernetes.',
      );
    }),
  ];
}

function checkService(text: string, file: string): ConfigReport {
  return { file, kind: 'mlsched', findings: lintService(parseServiceConfig(text, file)) };
}

function kindOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
}

/** Scheduler configurations that a ConfigMap carries. */
function configMapTexts(value: unknown): string[] {
  if (kindOf(value) !== 'ConfigMap') return [];
  const data = (value as { data?: Record<string, unknown> }).data ?? {};
  return Object.values(data).filter(
    (text): text is string => typeof text === 'string' && text.includes('KubeSchedulerConfiguration'),
  );
}
