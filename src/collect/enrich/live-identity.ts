import type { ObservedNode } from '#domain';
import type { WatchEvent } from '#platform/kubernetes';
import { createNodeIdentity } from '../node-identity.ts';
import type { IdentityConflict, NodeIdentity } from '../node-identity.ts';

/** Names nodes by the static map and by the API server's list as it is now. */
export interface LiveNodeIdentity extends NodeIdentity {
  /** Takes in changes of the nodes, as `watchNodes` tells them. */
  update(events: readonly WatchEvent<ObservedNode>[]): void;
}

export interface LiveIdentityOptions {
  /** Address -> node name, from the configuration. */
  readonly staticNames?: Readonly<Record<string, string>>;
  /** Told of each conflict once, when it arises. */
  readonly onConflict?: (conflict: IdentityConflict) => void;
}

export function createLiveNodeIdentity({
  staticNames = {},
  onConflict = () => undefined,
}: LiveIdentityOptions = {}): LiveNodeIdentity {
  const nodes = new Map<string, ObservedNode>();
  const known = new Set<string>();
  let current = createNodeIdentity({ staticNames });
  return {
    get conflicts() {
      return current.conflicts;
    },
    resolve: (labels) => current.resolve(labels),
    update(events) {
      if (!applyChanges(nodes, events)) return;
      current = createNodeIdentity({ staticNames, clusterNodes: [...nodes.values()] });
      for (const conflict of current.conflicts) {
        const key = JSON.stringify(conflict);
        if (known.has(key)) continue;
        known.add(key);
        onConflict(conflict);
      }
    },
  };
}

/** True when a name or address changed: nodes report their state often, their addresses seldom. */
function applyChanges(
  nodes: Map<string, ObservedNode>,
  events: readonly WatchEvent<ObservedNode>[],
): boolean {
  let isChanged = false;
  for (const event of events) {
    if (event.type === 'removed') {
      isChanged = nodes.delete(event.name) || isChanged;
      continue;
    }
    const before = nodes.get(event.object.name)?.addresses.join(' ');
    if (before !== event.object.addresses.join(' ')) isChanged = true;
    nodes.set(event.object.name, event.object);
  }
  return isChanged;
}
