import { isMlschedError } from '#kernel/errors';
import { SECOND_MS } from '#kernel/units';
import type { KubernetesClient } from './client.ts';
import { badAnswer } from './errors.ts';

/** A Lease as candidates see it. Its times are other machines' clocks: they are shown, never reckoned with. */
export interface LeaseRecord {
  /** Empty when nobody holds it. */
  readonly holder: string;
  readonly durationSeconds: number;
  readonly transitions: number;
  readonly acquireTime: string | undefined;
  readonly renewTime: string | undefined;
  readonly resourceVersion: string;
}

/** Where candidates meet. Each write names the version that it replaces and fails when there is another. */
export interface LeaseStore {
  /** Undefined when there is no such Lease yet. */
  read(signal: AbortSignal): Promise<LeaseRecord | undefined>;
  /**
   * Writes, and returns the record with its new version.
   *
   * @throws MlschedError of kind `conflict` when somebody else was faster.
   */
  write(
    record: Omit<LeaseRecord, 'resourceVersion'>,
    replaces: LeaseRecord | undefined,
    signal: AbortSignal,
  ): Promise<LeaseRecord>;
}

interface RawLease {
  readonly metadata?: { readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly leaseTransitions?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
  };
}

/** The Lease (coordination.k8s.io/v1) of a name in a namespace. */
export function createLeaseStore(
  client: KubernetesClient,
  at: { readonly namespace: string; readonly name: string },
  timeoutSeconds: number,
): LeaseStore {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(at.namespace)}/leases`;
  const path = `${collection}/${encodeURIComponent(at.name)}`;
  const decode = (raw: unknown): LeaseRecord => {
    const { metadata, spec } = raw as RawLease;
    if (metadata?.resourceVersion === undefined) throw badAnswer(client.server, path, 'it is no Lease');
    return {
      holder: spec?.holderIdentity ?? '',
      durationSeconds: spec?.leaseDurationSeconds ?? 0,
      transitions: spec?.leaseTransitions ?? 0,
      acquireTime: spec?.acquireTime,
      renewTime: spec?.renewTime,
      resourceVersion: metadata.resourceVersion,
    };
  };
  return {
    async read(signal) {
      try {
        return decode(await client.call({ path, signal, timeoutSeconds }));
      } catch (error) {
        if (isMlschedError(error) && error.code === 'MLS_KUBERNETES_NOT_FOUND') return undefined;
        throw error;
      }
    },
    async write(record, replaces, signal) {
      const body = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
          ...at,
          ...(replaces === undefined ? {} : { resourceVersion: replaces.resourceVersion }),
        },
        spec: {
          holderIdentity: record.holder,
          leaseDurationSeconds: record.durationSeconds,
          leaseTransitions: record.transitions,
          acquireTime: record.acquireTime,
          renewTime: record.renewTime,
        },
      };
      const isNew = replaces === undefined;
      const answer = await client.call({
        method: isNew ? 'POST' : 'PUT',
        path: isNew ? collection : path,
        body,
        signal,
        timeoutSeconds,
      });
      return decode(answer);
    },
  };
}

/** The form of times in a Lease: microseconds. */
export function microTime(wallMs: number): string {
  const whole = new Date(Math.floor(wallMs / SECOND_MS) * SECOND_MS).toISOString().slice(0, 19);
  const micros = Math.floor((wallMs % SECOND_MS) * 1000);
  return `${whole}.${String(micros).padStart(6, '0')}Z`;
}
