/**
 * The victim of the registry's crash test: `crash.worker.ts HOME`. Registers versions and moves the
 * alias `champion` to each, for ever.
 */
import { sampleArtefact } from './contract.ts';
import { openFileRegistry } from './file-registry.ts';

const registry = openFileRegistry({ home: process.argv[2] ?? '' });
for (let seed = 1; ; seed++) {
  const { version } = await registry.register(sampleArtefact(seed), { tags: { seed: String(seed) } });
  await registry.setAlias('load-forecast', 'champion', version);
  process.stdout.write('.');
}
