import { parse } from 'yaml';
import type { z } from 'zod';
import { messageOf } from './errors.ts';
import { nearestName } from './nearest-name.ts';

/** What is wrong with a file that a person wrote, and what to do about it. */
export interface ConfigProblem {
  readonly problem: string;
  readonly hint: string;
}

/**
 * Reads YAML (or JSON) that a person wrote and checks its form.
 *
 * @param text - Content of the file; an empty one counts as an empty object.
 * @param schema - A strict object: an unknown key is an error that names the nearest known one.
 * @param fail - Makes the caller's own error from the first problem found.
 * @throws What `fail` returns.
 */
export function parseConfig<Schema extends z.ZodObject>(
  text: string,
  schema: Schema,
  fail: (found: ConfigProblem) => Error,
): Readonly<z.output<Schema>> {
  const result = schema.safeParse(parseYaml(text, fail) ?? {});
  if (result.success) return Object.freeze(result.data);
  const issue = result.error.issues[0];
  if (issue === undefined) throw fail({ problem: 'is not valid', hint: 'compare it with the reference' });
  const at = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') throw fail(unknownKey(schema, issue.path, issue.keys[0] ?? ''));
  throw fail({ problem: `${at === '' ? 'file' : at}: ${issue.message}`, hint: 'fix this key and run again' });
}

function parseYaml(text: string, fail: (found: ConfigProblem) => Error): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw fail({
      problem: `is not YAML: ${messageOf(error)}`,
      hint: 'check the indentation of the line named',
    });
  }
}

function unknownKey(schema: z.ZodObject, path: readonly PropertyKey[], key: string): ConfigProblem {
  const known = knownKeys(schema, path);
  return {
    problem: `unknown key ${[...path, key].join('.')}`,
    hint: known.length === 0 ? 'remove it' : `did you mean ${nearestName(key, known)}?`,
  };
}

/** Keys that the schema has at a path, through defaults, optionals and lists. */
function knownKeys(schema: z.ZodObject, path: readonly PropertyKey[]): string[] {
  let at = unwrap(schema);
  for (const step of path) at = unwrap(typeof step === 'number' ? at?.element : at?.shape?.[String(step)]);
  return Object.keys(at?.shape ?? {});
}

/** What of a zod schema is looked at here; a default or an optional wraps the schema that has the keys. */
interface SchemaNode {
  readonly shape?: Readonly<Record<string, SchemaNode>>;
  readonly element?: SchemaNode;
  readonly def?: { readonly innerType?: SchemaNode };
}

function unwrap(schema: unknown): SchemaNode | undefined {
  let at = schema as SchemaNode | undefined;
  while (at?.def?.innerType !== undefined) at = at.def.innerType;
  return at;
}
