import { describe, test } from 'node:test';

import { modelChecks } from './checks.ts';
import type { ModelUnderCheck } from './types.ts';

export type { ModelUnderCheck } from './types.ts';

/** Runs every check of the model contract as a test of its own. Call it once in a model's test file. */
export function checkModel<Model>(
  subject: ModelUnderCheck<Model>,
  options: { readonly skip?: string | false } = {},
): void {
  describe(`${subject.name} keeps the model contract`, { skip: options.skip ?? false }, () => {
    for (const check of modelChecks) test(check.sentence, () => check.run(subject));
  });
}
