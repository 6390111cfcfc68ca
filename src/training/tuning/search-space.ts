import { readFile } from 'node:fs/promises';
import { z } from 'zod';

import { parseConfig } from '#kernel/config';

import { searchSpaceInvalid } from './errors.ts';

/** One number to choose, within bounds that are both included. */
const parameterSchema = z
  .strictObject({
    name: z.string().min(1),
    type: z.enum(['double', 'integer']),
    scale: z.enum(['linear', 'log']),
    minimum: z.number(),
    maximum: z.number(),
  })
  .refine(({ minimum, maximum }) => minimum < maximum, { message: 'minimum must be below maximum' })
  .refine(({ scale, minimum }) => scale !== 'log' || minimum > 0, { message: 'a log scale begins above 0' });

const spaceSchema = z.strictObject({
  objective: z.strictObject({ metric: z.string(), direction: z.enum(['minimize', 'maximize']) }),
  parameters: z.array(parameterSchema).min(1),
});

/** What is searched, and what for. The file is shared with Katib. */
export type SearchSpace = Readonly<z.output<typeof spaceSchema>>;

/**
 * Reads a search space.
 *
 * @throws MlschedError `MLS_TRAINING_SEARCH_SPACE` when the file is missing or not a search space.
 */
export async function readSearchSpace(path: string): Promise<SearchSpace> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw searchSpaceInvalid(path, { problem: error.code ?? 'unreadable', hint: 'check the path' });
  });
  return parseConfig(text, spaceSchema, (found) => searchSpaceInvalid(path, found));
}
