/** How sources can disagree. */
type Disagreement =
  /** The static map wins, since a person wrote it. */
  | {
      readonly kind: 'differs';
      readonly address: string;
      readonly staticName: string;
      readonly clusterName: string;
    }
  /** The static map names a node that the cluster does not have: a node that is gone, or a slip of the pen. */
  | { readonly kind: 'no-such-node'; readonly address: string; readonly staticName: string }
  /** Nodes of the cluster that claim one address; the newest has it, since addresses are given anew. */
  | {
      readonly kind: 'shared';
      readonly address: string;
      readonly clusterName: string;
      readonly others: readonly string[];
    };

/** Sources that do not agree on whose an address is. */
export type IdentityConflict = Disagreement & {
  /** For people: what disagrees and what was believed. */
  readonly sentence: string;
};

function describe(conflict: Disagreement): string {
  const { address } = conflict;
  if (conflict.kind === 'differs') {
    return `${address} is ${conflict.staticName} in the node map and ${conflict.clusterName} in the cluster: the map is believed`;
  }
  if (conflict.kind === 'no-such-node') {
    return `${address} is ${conflict.staticName} in the node map, and the cluster has no such node`;
  }
  const claimants = [conflict.clusterName, ...conflict.others].join(', ');
  return `${address} is claimed by ${claimants}: the newest, ${conflict.clusterName}, is believed`;
}

/** A node as the API server lists it. */
export interface NodeAddresses {
  readonly name: string;
  /** Internal and external addresses, host name. */
  readonly addresses: readonly string[];
  readonly createdAtMs?: number | undefined;
}

/** From the labels of a series to the node it speaks of. */
export interface NodeIdentity {
  readonly conflicts: readonly IdentityConflict[];
  /** Name of the node; undefined when the labels name none. */
  resolve(labels: Readonly<Record<string, string>>): string | undefined;
}

export interface IdentitySources {
  /** Address -> node name, from the configuration. */
  readonly staticNames?: Readonly<Record<string, string>>;
  readonly clusterNodes?: readonly NodeAddresses[];
}

/** Labels that hold a node's name, in the order in which they are believed. */
const NAME_LABELS = ['node', 'kubernetes_node', 'nodename'] as const;

/**
 * Decides which node a series belongs to: a node label as it is, else the address in `instance` looked up in
 * the static map and then in the cluster's own list, else that address itself.
 */
export function createNodeIdentity(sources: IdentitySources = {}): NodeIdentity {
  const cluster = nameAddresses(sources.clusterNodes ?? []);
  const clusterNames = cluster.names;
  const staticNames = new Map(Object.entries(sources.staticNames ?? {}));
  const nodeNames = new Set((sources.clusterNodes ?? []).map(({ name }) => name));
  const conflicts = [
    ...[...staticNames].flatMap(([address, staticName]) =>
      compare({ address, staticName }, clusterNames.get(address), nodeNames),
    ),
    ...cluster.shared,
  ].map((conflict): IdentityConflict => ({ ...conflict, sentence: describe(conflict) }));
  return {
    conflicts,
    resolve(labels) {
      const named = NAME_LABELS.map((label) => labels[label]).find(
        (name) => name !== undefined && name !== '',
      );
      if (named !== undefined) return named;
      const { instance } = labels;
      if (instance === undefined || instance === '') return undefined;
      const address = withoutPort(instance);
      return staticNames.get(address) ?? clusterNames.get(address) ?? address;
    },
  };
}

function compare(
  entry: { readonly address: string; readonly staticName: string },
  clusterName: string | undefined,
  nodeNames: ReadonlySet<string>,
): Disagreement[] {
  if (clusterName !== undefined) {
    return clusterName === entry.staticName ? [] : [{ kind: 'differs', ...entry, clusterName }];
  }
  const isUnknown = nodeNames.size > 0 && !nodeNames.has(entry.staticName);
  return isUnknown ? [{ kind: 'no-such-node', ...entry }] : [];
}

function nameAddresses(nodes: readonly NodeAddresses[]): {
  readonly names: Map<string, string>;
  readonly shared: readonly Disagreement[];
} {
  const claims = new Map<string, string[]>();
  // The newest last: the last claim of an address is the one that counts.
  const byAge = nodes.toSorted((a, b) => (a.createdAtMs ?? 0) - (b.createdAtMs ?? 0));
  for (const { name, addresses } of byAge) {
    for (const address of new Set(addresses)) claims.set(address, [...(claims.get(address) ?? []), name]);
  }
  const names = new Map([...claims].map(([address, claimants]) => [address, claimants.at(-1) ?? '']));
  const shared = [...claims].flatMap(([address, claimants]): Disagreement[] =>
    claimants.length < 2
      ? []
      : [
          {
            kind: 'shared',
            address,
            clusterName: claimants.at(-1) ?? '',
            others: claimants.slice(0, -1),
          },
        ],
  );
  return { names, shared };
}

/** `10.0.0.1:9100` -> `10.0.0.1`, `[fd00::1]:9100` -> `fd00::1`, a bare IPv6 address stays. */
export function withoutPort(instance: string): string {
  const bracketed = /^\[(?<address>.+)\](?::\d+)?$/.exec(instance)?.groups?.['address'];
  if (bracketed !== undefined) return bracketed;
  return instance.indexOf(':') === instance.lastIndexOf(':') ? instance.replace(/:\d+$/, '') : instance;
}
