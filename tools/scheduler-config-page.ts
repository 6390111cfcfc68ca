import { hostname } from 'node:os';
import { z } from 'zod';
import { serviceConfigSchema } from '../src/scheduler/index.ts';

interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly { readonly const?: unknown }[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
}

/** Every key of the decision service's configuration, from its schema. */
export function renderSchedulerConfig(): string {
  const root = z.toJSONSchema(serviceConfigSchema, { io: 'input', unrepresentable: 'any' }) as SchemaNode;
  return [
    '# Configuration of the decision service',
    'A YAML file for `mlsched serve scheduler --config FILE`. Every key may be left out; an unknown one is an error. `mlsched config check FILE` finds what is unsafe.',
    [
      '| key | values | default | meaning |',
      '| --- | --- | --- | --- |',
      ...rowsOf(root, '').map((cells) => `| ${cells.join(' | ')} |`),
    ].join('\n'),
  ].join('\n\n');
}

function rowsOf(node: SchemaNode, path: string): string[][] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const at = path === '' ? key : `${path}.${key}`;
    const own = [`\`${at}\``, valuesOf(child), defaultOf(child), child.description ?? ''];
    const inner = rowsOf(child, at);
    return inner.length > 0 && child.description === undefined ? inner : [own, ...inner];
  });
}

function valuesOf({ type, enum: names, anyOf, minimum, maximum }: SchemaNode): string {
  if (names !== undefined) return names.map((name) => `\`${String(name)}\``).join(', ');
  if (anyOf !== undefined) return anyOf.map((one) => String(one.const)).join(', ');
  const isBounded = minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  return isBounded ? `${minimum} to ${maximum}` : (type ?? '');
}

function defaultOf(node: SchemaNode): string {
  if (node.default === undefined) return '';
  // The name of the machine that wrote this page is no default of another.
  return node.default === hostname() ? 'host name' : `\`${JSON.stringify(node.default)}\``;
}
