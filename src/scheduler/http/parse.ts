import type { z } from 'zod';

import { requestInvalid } from '../errors.ts';

/**
 * Checks a request against its schema.
 *
 * @throws MlschedError `MLS_SCHEDULER_REQUEST` naming the first field that is wrong.
 */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw requestInvalid(issue?.path.join('.') ?? '', issue?.message ?? 'is not valid');
}
