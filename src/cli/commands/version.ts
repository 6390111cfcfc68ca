import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCommand } from '../options.ts';
import { REPOSITORY_ROOT } from '../locations.ts';
import { runCommand } from '../run-command.ts';

interface VersionReport {
  readonly mlsched: string;
  readonly node: string;
  readonly platform: string;
}

export function versionCommand() {
  return createCommand('version', 'Print the versions of mlsched and Node.', [
    'mlsched version',
    'mlsched version -o json',
  ]).action((options) =>
    runCommand<VersionReport>(
      {
        name: 'version',
        run: async () => ({ status: 'ok', data: readVersions() }),
        print: (report) => `mlsched ${report.mlsched}, Node ${report.node}, ${report.platform}\n`,
      },
      options,
    ),
  );
}

/** Versions of the product and of what runs it. */
export function readVersions(): VersionReport {
  const manifest = JSON.parse(readFileSync(join(REPOSITORY_ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  return {
    mlsched: manifest.version,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  };
}
