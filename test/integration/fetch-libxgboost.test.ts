import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';

const script = resolve(import.meta.dirname, '../../tools/fetch-libxgboost.sh');

interface Sandbox {
  readonly root: string;
  /** Runs the script in the sandbox with these commands standing before the real ones on the PATH. */
  run(shims: Readonly<Record<string, string>>): { status: number | null; stderr: string };
}

/** A clone of nothing but the script, with its own cache folder. */
function createSandbox(t: TestContext): Sandbox {
  const root = mkdtempSync(join(tmpdir(), 'mlsched-fetch-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, 'tools'));
  mkdirSync(join(root, 'bin'));
  copyFileSync(script, join(root, 'tools/fetch-libxgboost.sh'));
  return {
    root,
    run(shims) {
      for (const [name, body] of Object.entries(shims)) {
        writeFileSync(join(root, 'bin', name), `#!/usr/bin/env bash\n${body}\n`);
        chmodSync(join(root, 'bin', name), 0o755);
      }
      const env = {
        ...process.env,
        PATH: `${join(root, 'bin')}:${process.env['PATH'] ?? ''}`,
        XDG_CACHE_HOME: join(root, 'cache'),
      };
      const done = spawnSync('bash', [join(root, 'tools/fetch-libxgboost.sh')], { env, encoding: 'utf8' });
      return { status: done.status, stderr: done.stderr };
    },
  };
}

const REAL_PYTHON = spawnSync('bash', ['-c', 'command -v python3'], { encoding: 'utf8' }).stdout.trim();

/** python3 whose `pip download` runs other commands; `$dest` is the folder it was told. */
function pythonWithPip(download: string): string {
  return [
    'if [ "$1" = -m ] && [ "$2" = pip ]; then',
    '  [ "$3" = --version ] && exit 0',
    '  while [ "$1" != --dest ]; do shift; done; dest=$2; mkdir -p "$dest"',
    `  ${download}`,
    'else',
    `  exec ${REAL_PYTHON} "$@"`,
    'fi',
  ].join('\n');
}

const linux = 'if [ "$1" = -s ]; then echo Linux; else echo x86_64; fi';

test('an unsupported host gets a warning and set-up goes on', (t) => {
  const sandbox = createSandbox(t);

  const { status, stderr } = sandbox.run({
    uname: 'if [ "$1" = -s ]; then echo Linux; else echo riscv64; fi',
  });

  assert.equal(status, 0);
  assert.match(stderr, /no pinned wheel for riscv64/);
  assert.match(stderr, /inference uses the built-in tree walk/);
  assert.equal(existsSync(join(sandbox.root, 'vendor/xgboost')), false);
});

test('a download that fails gives a warning that names pip, and leaves nothing behind', (t) => {
  const sandbox = createSandbox(t);

  const { status, stderr } = sandbox.run({
    uname: linux,
    python3: pythonWithPip('echo "no route" >&2; exit 1'),
  });

  assert.equal(status, 0);
  assert.match(stderr, /pip could not download xgboost-cpu 3\.2\.0/);
  assert.match(stderr, /no route/);
  assert.deepEqual(readdirSync(join(sandbox.root, 'vendor')), []);
});

test('a wheel with another checksum stops set-up and is neither unpacked nor kept', (t) => {
  const sandbox = createSandbox(t);
  const forged = 'echo forged > "$dest/xgboost_cpu-3.2.0-py3-none-manylinux_2_28_x86_64.whl"';

  const { status, stderr } = sandbox.run({ uname: linux, python3: pythonWithPip(forged) });

  assert.equal(status, 1);
  assert.match(stderr, /is not the pinned xgboost-cpu 3\.2\.0/);
  assert.match(stderr, /expected SHA-256 9c10b165/);
  assert.deepEqual(readdirSync(join(sandbox.root, 'vendor')), []);
  assert.equal(existsSync(join(sandbox.root, 'cache/mlsched/wheels')), false);
});

test('a damaged wheel in the cache is downloaded again, not used', (t) => {
  const sandbox = createSandbox(t);
  const kept = join(sandbox.root, 'cache/mlsched/wheels');
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, 'xgboost_cpu-3.2.0-py3-none-manylinux_2_28_x86_64.whl'), 'half a wheel');

  const { status, stderr } = sandbox.run({ uname: linux, python3: pythonWithPip('exit 1') });

  assert.equal(status, 0);
  assert.match(stderr, /is damaged and is downloaded again/);
  assert.deepEqual(readdirSync(join(sandbox.root, 'vendor')), []);
});
