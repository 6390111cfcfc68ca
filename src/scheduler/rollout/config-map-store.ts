import { z } from 'zod';

import { isMlschedError } from '#kernel/errors';
import type { KubernetesClient } from '#platform/kubernetes';

import { rolloutConflict } from '../errors.ts';
import { INITIAL_ROLLOUT, rolloutStateSchema } from './state.ts';
import type { RolloutState } from './state.ts';
import type { RolloutStore } from './store.ts';

const KEY = 'rollout.json';

const configMapSchema = z.object({
  metadata: z.looseObject({ resourceVersion: z.string() }),
  data: z.record(z.string(), z.string()).nullish(),
});

/** The state in a ConfigMap of our namespace: all replicas of a cluster read it, and the API server settles races. */
export function createConfigMapRolloutStore(client: KubernetesClient, name: string): RolloutStore {
  const folder = `/api/v1/namespaces/${client.namespace}/configmaps`;
  const find = async (): Promise<z.infer<typeof configMapSchema> | undefined> => {
    try {
      return configMapSchema.parse(await client.call({ path: `${folder}/${name}`, timeoutSeconds: 5 }));
    } catch (error) {
      if (isMlschedError(error) && error.kind === 'not-found') return undefined;
      throw error;
    }
  };
  const stateOf = (found: z.infer<typeof configMapSchema> | undefined): RolloutState => {
    const text = found?.data?.[KEY];
    return text === undefined ? INITIAL_ROLLOUT : rolloutStateSchema.parse(JSON.parse(text));
  };
  return {
    read: async () => stateOf(await find()),
    async replace(seen, next) {
      const found = await find();
      const { revision } = stateOf(found);
      if (revision !== seen.revision) throw rolloutConflict(seen.revision, revision);
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { ...found?.metadata, name, namespace: client.namespace },
        data: { ...found?.data, [KEY]: `${JSON.stringify(next, null, 2)}\n` },
      };
      // The resource version that was read goes along: whoever wrote in between makes this fail.
      await (found === undefined
        ? client.call({ method: 'POST', path: folder, body })
        : client.call({ method: 'PUT', path: `${folder}/${name}`, body }));
    },
  };
}
