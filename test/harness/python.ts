import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const SCRIPT = join(resolve(import.meta.dirname, '../..'), 'tools/python/setup-env.sh');

/**
 * The Python of one of the environments in tools/python; created when every test is required, otherwise used when it is
 * there.
 */
export function findPython(name: string): { readonly python: string } | { readonly missing: string } {
  const isRequired = process.env['MLSCHED_REQUIRE_ALL'] === '1';
  const found = spawnSync('bash', isRequired ? [SCRIPT, name] : [SCRIPT, name, '--find'], {
    encoding: 'utf8',
  });
  if (found.status === 0) return { python: found.stdout.trim() };
  return {
    missing: `no Python environment; create it with: bash tools/python/setup-env.sh ${name} ${found.stderr}`,
  };
}
