/**
 * Trains the models that come with the product, for clusters that have no history of their own yet, and writes them to
 * data/starter-models. Needs MLSCHED_DATA with the full data sets; about ten minutes.
 *
 * Only machines of the training split are used, so that simulations on the test split stay honest.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { ModelName } from '#domain';
import { openFileRegistry } from '#registry';
import { isInSplit } from '#simulator';
import { trainModels } from '#services/train';

const root = process.env['MLSCHED_DATA'];
if (root === undefined) throw new Error('set MLSCHED_DATA to the folder with the full data sets');
const target = resolve(import.meta.dirname, '../data/starter-models');
const scratch = mkdtempSync(join(tmpdir(), 'mlsched-starter-'));

/** Small enough to ship: the demo budget for the forecast, whose trees are large; the full one for the rest. */
const BUDGETS = { 'load-forecast': 'demo', 'node-anomaly': 'full', placement: 'full' } as const;

try {
  const loadDirectory = join(scratch, 'smd-nodes');
  mkdirSync(loadDirectory);
  for (const file of readdirSync(join(root, 'smd-nodes'))) {
    const machine = basename(file, '.parquet');
    if (isInSplit(machine, 'train')) symlinkSync(join(root, 'smd-nodes', file), join(loadDirectory, file));
  }
  const wanted = process.argv.slice(2) as ModelName[];
  for (const model of wanted.length > 0 ? wanted : (Object.keys(BUDGETS) as ModelName[])) {
    const [trained] = await trainModels({
      models: [model],
      loadDirectory,
      placementRoot: root,
      registry: openFileRegistry({ home: join(scratch, 'models') }),
      stateDirectory: scratch,
      budget: BUDGETS[model],
      seed: 1,
      isForced: false,
      tags: { origin: 'starter' },
      progress: {
        report: (done, total, note) => process.stderr.write(`${model}: ${done}/${total} ${note ?? ''}\n`),
      },
    });
    const folder = join(scratch, 'models', model, 'versions', String(trained?.version.version));
    rmSync(join(target, model), { recursive: true, force: true });
    cpSync(folder, join(target, model), { recursive: true });
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
