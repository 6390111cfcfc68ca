/** Two sources that name one address differently. The static map wins, since a person wrote it. */
export interface IdentityConflict {
  readonly address: string;
  readonly staticName: string;
  readonly clusterName: string;
}

/** A node as the API server lists it. */
export interface NodeAddresses {
  readonly name: string;
  /** Internal and external addresses, host name. */
  readonly addresses: readonly string[];
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
  const clusterNames = new Map<string, string>();
  for (const { name, addresses } of sources.clusterNodes ?? []) {
    for (const address of addresses) clusterNames.set(address, name);
  }
  const staticNames = new Map(Object.entries(sources.staticNames ?? {}));
  const conflicts = [...staticNames].flatMap(([address, staticName]) => {
    const clusterName = clusterNames.get(address);
    return clusterName === undefined || clusterName === staticName
      ? []
      : [{ address, staticName, clusterName }];
  });
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

/** `10.0.0.1:9100` -> `10.0.0.1`, `[fd00::1]:9100` -> `fd00::1`, a bare IPv6 address stays. */
export function withoutPort(instance: string): string {
  const bracketed = /^\[(?<address>.+)\](?::\d+)?$/.exec(instance)?.groups?.['address'];
  if (bracketed !== undefined) return bracketed;
  return instance.indexOf(':') === instance.lastIndexOf(':') ? instance.replace(/:\d+$/, '') : instance;
}
