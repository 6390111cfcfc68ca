import { join } from 'node:path';
import { createKubernetesClient, openClusterAccess } from '#platform/kubernetes';
import { createConfigMapRolloutStore, createFileRolloutStore } from '#scheduler';
import type { RolloutStore, ServiceConfig } from '#scheduler';

/**
 * Where the service and `mlsched rollout` find each other: a ConfigMap where the configuration or a kubeconfig says so,
 * else a file in the state directory.
 *
 * @throws MlschedError `MLS_KUBERNETES_NO_ACCESS`.
 */
export async function openRolloutStore(
  config: ServiceConfig,
  stateDirectory: string,
  kubeconfig: string | undefined = config.cluster.kubeconfig,
): Promise<RolloutStore> {
  const isInCluster = config.rollout.store === 'configmap';
  if (!isInCluster)
    return createFileRolloutStore(config.rollout.file ?? join(stateDirectory, 'rollout.json'));
  const access = await openClusterAccess(kubeconfig === undefined ? {} : { kubeconfig });
  return createConfigMapRolloutStore(createKubernetesClient(access), config.rollout.configMap);
}
