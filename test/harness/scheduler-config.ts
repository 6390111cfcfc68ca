import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import type { ControlPlane } from './control-plane.ts';
import { until } from './placements.ts';

type Json = Record<string, unknown>;

export const deployFolder = resolve(import.meta.dirname, '../../deploy/kube-scheduler');

interface Profile {
  schedulerName: string;
  plugins: { multiPoint: { enabled: { name: string; weight: number }[] } };
  pluginConfig: { name: string; args: Json }[];
}

/**
 * A profile as deploy/kube-scheduler/plugin has it, for a service on loopback.
 *
 * @param args - Over those of the file; its certificates are left out.
 */
export function pluginProfile(schedulerName: string, args: Json, weight = 100): Profile {
  const shipped = parse(readFileSync(`${deployFolder}/plugin/config.yaml`, 'utf8')) as {
    profiles: Profile[];
  };
  const profile = shipped.profiles[0] as Profile;
  const plugin = profile.pluginConfig[0] as Profile['pluginConfig'][number];
  return {
    ...profile,
    schedulerName,
    plugins: { multiPoint: { enabled: [{ name: plugin.name, weight }] } },
    pluginConfig: [{ name: plugin.name, args: { ...plugin.args, tls: {}, ...args } }],
  };
}

/** The configuration of deploy/kube-scheduler/extender, for a service on loopback without TLS. */
export function extenderConfig(schedulerName: string, url: string, more: Json = {}): Json {
  const shipped = parse(readFileSync(`${deployFolder}/extender/config.yaml`, 'utf8')) as {
    extenders: Json[];
  };
  const { tlsConfig: _tls, enableHTTPS: _https, ...extender } = shipped.extenders[0] as Json;
  return {
    profiles: [{ schedulerName }],
    extenders: [{ ...extender, urlPrefix: `${url}/extender`, ...more }],
  };
}

export interface PodBatch {
  readonly namespace: string;
  readonly schedulerName?: string;
  readonly count: number;
  /** Over the spec of a small pod. */
  readonly spec?: Json;
  readonly prefix?: string;
}

export async function createNamespace(
  cluster: ControlPlane,
  name: string,
  labels: Record<string, string> = {},
): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
  await cluster.call('POST', '/api/v1/namespaces', namespace);
}

/** Creates pods, eight at a time. */
export async function createPods(cluster: ControlPlane, batch: PodBatch): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < batch.count) await createPod(cluster, batch, next++);
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

export async function createPod(cluster: ControlPlane, batch: PodBatch, at: number): Promise<void> {
  const { namespace, schedulerName, spec, prefix = 'pod' } = batch;
  const requests = { cpu: '20m', memory: '32Mi' };
  await cluster.call('POST', `/api/v1/namespaces/${namespace}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${prefix}-${at}`, labels: { app: `app-${at % 5}` } },
    spec: {
      ...(schedulerName === undefined ? {} : { schedulerName }),
      containers: [{ name: 'main', image: 'none', resources: { requests } }],
      ...spec,
    },
  });
}

interface ApiPods {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly nodeName?: string; readonly schedulerName: string };
  }[];
}

/** Node of each pod of a namespace; undefined while it is pending. */
async function nodesOfPods(
  cluster: ControlPlane,
  namespace: string,
): Promise<Map<string, string | undefined>> {
  const list = (await cluster.call('GET', `/api/v1/namespaces/${namespace}/pods`)) as ApiPods;
  return new Map(list.items.map(({ metadata, spec }) => [metadata.name, spec.nodeName]));
}

/** Waits until as many pods as expected are there and bound. */
export async function untilBound(
  cluster: ControlPlane,
  namespace: string,
  count: number,
): Promise<Map<string, string>> {
  let nodes = new Map<string, string | undefined>();
  await until(`all ${count} pods of ${namespace} are bound`, async () => {
    nodes = await nodesOfPods(cluster, namespace);
    return nodes.size === count && [...nodes.values()].every((node) => node !== undefined);
  });
  return nodes as Map<string, string>;
}

/** Creates pods in a namespace of their own and waits until all are bound. */
export async function placePods(cluster: ControlPlane, batch: PodBatch): Promise<Map<string, string>> {
  await createNamespace(cluster, batch.namespace);
  await createPods(cluster, batch);
  return untilBound(cluster, batch.namespace, batch.count);
}
