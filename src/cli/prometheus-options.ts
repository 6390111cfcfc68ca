import { Option } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import type { CollectSourceOptions } from '#services/collect-source';
import { stateDirectory } from './locations.ts';
import { createCommand, wholeNumber } from './options.ts';

/** What commands that talk to a Prometheus have in common. */
export interface PrometheusFlags {
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly nodeMap?: string;
  readonly kubernetes?: true;
  readonly kubeconfig?: string;
  readonly timeout: number;
}

const DEFAULT_TIMEOUT_SECONDS = 120;

/** A sub-command with the flags by which a Prometheus is reached. */
export function createPrometheusCommand(name: string, summary: string, examples: readonly string[]) {
  return withPrometheusFlags(createCommand(name, summary, examples));
}

export function withPrometheusFlags(command: ReturnType<typeof createCommand>) {
  return command
    .option('--token-file <file>', 'file with a bearer token; read again for each request')
    .option('--ca-file <file>', 'PEM file of the authority that signed its certificate')
    .option('--cert-file <file>', 'PEM file of our own certificate, where it asks for one')
    .option('--key-file <file>', 'PEM file of the key to it')
    .option('--node-map <file>', 'YAML file of addresses and node names: `10.0.0.1: worker-1`')
    .option(
      '--kubernetes',
      'name nodes as the API server lists them (KUBECONFIG, service account, ~/.kube/config)',
    )
    .option('--kubeconfig <file>', 'the same, with this kubeconfig')
    .option('--timeout <seconds>', 'deadline of one request', wholeNumber(1), DEFAULT_TIMEOUT_SECONDS);
}

export function urlOption() {
  return new Option('--prometheus <url>', 'address of Prometheus, such as http://prometheus:9090');
}

export function sourceOf(url: string, flags: PrometheusFlags): CollectSourceOptions {
  const { tokenFile, caFile, certFile, keyFile, nodeMap, timeout } = flags;
  const kubernetes = clusterOf(flags);
  return {
    url,
    timeoutSeconds: timeout,
    ...(tokenFile !== undefined && { tokenFile }),
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certificateFile: certFile }),
    ...(keyFile !== undefined && { keyFile }),
    ...(nodeMap !== undefined && { nodeMapFile: nodeMap }),
    ...(kubernetes !== undefined && { kubernetes }),
  };
}

/** The way to the API server; undefined when none is asked for. */
export function clusterOf({
  kubernetes,
  kubeconfig,
}: Pick<PrometheusFlags, 'kubernetes' | 'kubeconfig'>): { readonly kubeconfig?: string } | undefined {
  if (kubeconfig !== undefined) return { kubeconfig };
  return kubernetes === true ? {} : undefined;
}

/** The store of a command: `--store`, else `history` in the state directory. */
export function storeDirectory(option: string | undefined): string {
  return resolve(option ?? `${stateDirectory()}/history`);
}
