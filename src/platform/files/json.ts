import { readFile } from 'node:fs/promises';
import type { ZodType } from 'zod';
import { writeFileAtomic } from './atomic-write.ts';
import { badJson, translateFault } from './errors.ts';

/**
 * Reads a JSON file and checks its form.
 *
 * @param schema - What the file must hold; its output type is the result.
 * @throws MlschedError `MLS_FILES_BAD_JSON` naming the first wrong field, `MLS_FILES_MISSING`, `MLS_FILES_PERMISSION`.
 */
export async function readJson<T>(path: string, schema: ZodType<T>): Promise<T> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw translateFault(path, error);
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badJson(path, 'the top', error);
  }
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  throw badJson(path, issue?.path.join('.') || 'the top', issue?.message ?? 'unknown form');
}

/** Writes indented JSON with a final newline, whole or not at all. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}
