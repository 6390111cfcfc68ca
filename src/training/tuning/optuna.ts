import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { z } from 'zod';

import { messageOf } from '#kernel/errors';

import { optunaFailed } from './errors.ts';
import type { SearchSpace } from './search-space.ts';

const TOOLS = join(import.meta.dirname, '../../../tools/python');

const trialSchema = z.object({
  number: z.number(),
  state: z.enum(['complete', 'pruned', 'fail']),
  value: z.number().nullable(),
  parameters: z.record(z.string(), z.number()),
});
const openedSchema = z.object({ trials: z.array(trialSchema) });
const askedSchema = z.object({ number: z.number(), parameters: z.record(z.string(), z.number()) });
const reportedSchema = z.object({ prune: z.boolean() });

/** A finished trial of a study. */
type PastTrial = z.output<typeof trialSchema>;
/** Parameters to try. */
type AskedTrial = z.output<typeof askedSchema>;

/** An Optuna study in a child process: multivariate TPE with median pruning, kept in a journal file. */
export interface OptunaStudy {
  /** Trials of earlier runs. */
  readonly past: readonly PastTrial[];
  ask(): Promise<AskedTrial>;
  /** Tells how a trial stands after a step; true when it should be given up. */
  report(number: number, step: number, value: number): Promise<boolean>;
  tell(number: number, outcome: { state: PastTrial['state']; value: number | null }): Promise<void>;
  close(): Promise<void>;
}

export interface OpenStudyOptions {
  readonly name: string;
  /** Journal file; made when it is not there. */
  readonly storage: string;
  readonly space: SearchSpace;
  readonly seed: number;
  /** Parameters to try first. */
  readonly enqueue: readonly Readonly<Record<string, number>>[];
}

/**
 * Opens a study, or goes on with it.
 *
 * @throws MlschedError `MLS_TRAINING_OPTUNA` when Python or Optuna cannot be used; so do the study's own methods.
 */
export async function openStudy(options: OpenStudyOptions): Promise<OptunaStudy> {
  const python = await findPython();
  const child = spawn(python, [join(TOOLS, 'optuna_ask_tell.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.stdin.on('error', () => undefined);
  let queue: Promise<unknown> = Promise.resolve();
  const exchange = async (request: object): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await answers.next();
    if (line.done === true) throw optunaFailed('answer', 'its process ended');
    const answer = JSON.parse(line.value) as { error?: string };
    if (answer.error !== undefined) throw optunaFailed('answer', answer.error);
    return answer;
  };
  // Requests and answers are matched by their order: one at a time.
  const call = <T>(request: object, schema: z.ZodType<T>): Promise<T> => {
    const result = queue.then(() => exchange(request)).then((answer) => schema.parse(answer));
    queue = result.catch(() => undefined);
    return result;
  };
  const { name, storage, seed, space, enqueue } = options;
  const { direction } = space.objective;
  const request = {
    op: 'open',
    study: name,
    storage,
    seed,
    direction,
    parameters: space.parameters,
    enqueue,
  };
  const { trials } = await call(request, openedSchema);
  return {
    past: trials,
    ask: () => call({ op: 'ask' }, askedSchema),
    report: async (number, step, value) =>
      (await call({ op: 'report', number, step, value }, reportedSchema)).prune,
    tell: async (number, outcome) => void (await call({ op: 'tell', number, ...outcome }, z.object({}))),
    async close() {
      child.stdin.end();
      await ended;
    },
  };
}

async function findPython(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('bash', [join(TOOLS, 'setup-env.sh'), 'forecast']);
    return stdout.trim();
  } catch (error) {
    throw optunaFailed('start', messageOf(error));
  }
}
