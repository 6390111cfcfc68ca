import type { ObservedNode, ObservedPod } from '#domain';
import { createInterner } from './intern.ts';
import { observeNode, observePod } from './observe.ts';
import type { RawNode, RawPod } from './raw.ts';
import type { Watch, WatchOptions } from './watch-types.ts';
import { watchKind } from './watch.ts';

/** Follows all nodes of the cluster. */
export function watchNodes(options: WatchOptions<ObservedNode>): Watch {
  const intern = createInterner();
  return watchKind(
    { plural: 'nodes', path: '/api/v1/nodes', project: (raw) => observeNode(raw as RawNode, intern) },
    options,
  );
}

export interface WatchPodsOptions extends WatchOptions<ObservedPod> {
  /** Leave out pods that have ended: they use nothing, and there may be many. One that ends is `removed`. */
  readonly activeOnly?: boolean;
  /** Default: all namespaces. */
  readonly namespace?: string;
}

const ACTIVE = 'status.phase!=Succeeded,status.phase!=Failed';

/** Follows the pods of the cluster. */
export function watchPods(options: WatchPodsOptions): Watch {
  const intern = createInterner();
  const { namespace, activeOnly = false } = options;
  const selectors = [options.fieldSelector, activeOnly ? ACTIVE : undefined].filter(
    (selector) => selector !== undefined,
  );
  return watchKind(
    {
      plural: 'pods',
      path: namespace === undefined ? '/api/v1/pods' : `/api/v1/namespaces/${namespace}/pods`,
      project: (raw) => observePod(raw as RawPod, intern),
    },
    { ...options, ...(selectors.length === 0 ? {} : { fieldSelector: selectors.join(',') }) },
  );
}
