import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { controlPlaneMissing } from '../harness/control-plane.ts';

const pluginFolder = resolve(import.meta.dirname, '../../scheduler-plugin');

/** One line of `go test -json`. */
interface GoEvent {
  readonly Action: string;
  readonly Package?: string;
  readonly Test?: string;
  readonly Output?: string;
}

/** The flags of build.sh, so that both use the same build cache. */
const BUILD = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false -trimpath' };

function go(args: readonly string[], environment: Record<string, string> = BUILD): string {
  const done = spawnSync('go', args, {
    cwd: pluginFolder,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 2 ** 28,
  });
  assert.ok(done.stdout !== '' || done.status === 0, done.stderr);
  return done.stdout;
}

const eventsOf = (text: string): GoEvent[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as GoEvent);

/** Why a race detector cannot be used here; false when it can. */
function raceDetectorMissing(): string | false {
  const found = spawnSync(process.env['CC'] ?? 'cc', ['--version']);
  return found.status === 0 ? false : 'no C compiler: the race detector of Go needs one';
}

test("the plugin's own tests in Go", { skip: controlPlaneMissing() }, async (t) => {
  const events = eventsOf(go(['test', '-vet=off', '-json', './decision', './mlsched']));
  const failedPackages = events.filter(({ Action, Test }) => Action === 'fail' && Test === undefined);
  const ended = events.filter(
    ({ Action, Test }) => Test !== undefined && ['pass', 'fail', 'skip'].includes(Action),
  );
  for (const { Package, Test, Action } of ended) {
    // oxlint-disable-next-line no-await-in-loop -- subtests of node:test run one after another
    await t.test(`${Package?.split('/').at(-1)}: ${Test}`, { skip: Action === 'skip' }, () => {
      const output = events.filter((event) => event.Test === Test && event.Output !== undefined);
      assert.equal(Action, 'pass', output.map(({ Output }) => Output).join(''));
    });
  }

  assert.deepEqual(failedPackages, [], events.map(({ Output }) => Output ?? '').join(''));
  assert.ok(ended.length > 40, `only ${ended.length} tests have run`);
});

test('the plugin is free of what go vet finds', { skip: controlPlaneMissing() }, () => {
  const done = spawnSync('go', ['vet', './...'], {
    cwd: pluginFolder,
    encoding: 'utf8',
    env: { ...process.env, ...BUILD },
  });
  assert.equal(done.status, 0, done.stderr);
});

const raceSkip = controlPlaneMissing() || raceDetectorMissing();
test('what talks to the service has no data race', { skip: raceSkip }, () => {
  const events = eventsOf(go(['test', '-race', '-json', './decision'], { CGO_ENABLED: '1' }));
  const verdict = events.find(({ Action, Test }) => Test === undefined && ['pass', 'fail'].includes(Action));
  assert.equal(verdict?.Action, 'pass', events.map(({ Output }) => Output ?? '').join(''));
});
