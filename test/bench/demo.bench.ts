/** How long the demo takes the first and the second time, what memory it needs, and how fast help appears. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { median } from '#kernel/stats';
import { publishSection } from './publish.ts';

const root = resolve(import.meta.dirname, '../..');
const HELP_RUNS = 11;
const SAMPLE_INTERVAL_MS = 200;

interface Timed {
  readonly seconds: number;
  readonly peakRssMib: number;
}

/** Runs the command in a process of its own; its largest resident memory is read from the kernel while it runs. */
function timeCommand(args: readonly string[], home: string): Promise<Timed> {
  return new Promise((resolveTimed, reject) => {
    const startedMs = performance.now();
    const env = { ...process.env, MLSCHED_HOME: home, MLSCHED_DATA: join(root, 'data/sample') };
    const child = spawn(join(root, 'bin/mlsched'), args, { cwd: root, env, stdio: 'ignore' });
    let peakRssMib = 0;
    const timer = setInterval(
      () => (peakRssMib = Math.max(peakRssMib, peakMib(child.pid))),
      SAMPLE_INTERVAL_MS,
    );
    child.once('error', reject);
    child.once('close', (exitCode) => {
      clearInterval(timer);
      if (exitCode !== 0) reject(new Error(`mlsched ${args.join(' ')} ended with ${exitCode}`));
      else resolveTimed({ seconds: (performance.now() - startedMs) / 1000, peakRssMib });
    });
  });
}

function peakMib(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

const verdict = (isMet: boolean): string => (isMet ? 'met' : 'MISSED');
const home = mkdtempSync(join(tmpdir(), 'mlsched-demo-bench-'));
try {
  const first = await timeCommand(['demo', '--progress', 'none'], home);
  const second = await timeCommand(['demo', '--progress', 'none'], home);
  const helps: number[] = [];
  for (let i = 0; i < HELP_RUNS; i++) helps.push((await timeCommand(['--help'], home)).seconds);
  const help = median(helps);
  const peak = Math.max(first.peakRssMib, second.peakRssMib);
  publishSection({
    id: '10-demo',
    title: 'The first five minutes',
    command: 'make bench BENCH=demo',
    method:
      'The demo on the sample in the repository, with an empty state directory and again with that of the first run; set-up (npm packages, the XGBoost library) is not in it. Help: median of 11 runs.',
    tables: [
      {
        caption: 'Wall time and peak resident memory',
        columns: ['what', 'measured', 'bar', 'verdict'],
        rows: [
          ['demo, first run, s', first.seconds.toFixed(0), '360 with set-up', verdict(first.seconds <= 360)],
          ['demo, second run, s', second.seconds.toFixed(0), '120', verdict(second.seconds <= 120)],
          ['peak resident memory, MiB', peak.toFixed(0), '2048', verdict(peak <= 2048)],
          ['mlsched --help, s', help.toFixed(3), '0.2', verdict(help <= 0.2)],
        ],
      },
    ],
    notes: [],
  });
} finally {
  rmSync(home, { recursive: true, force: true });
}
