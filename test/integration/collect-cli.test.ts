import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnvelope, ROOT, runCli } from '../cli/run-cli.ts';
import { isOnPath } from '../harness/on-path.ts';
import { freePorts, startProcess } from '../harness/processes.ts';
import type { ServerProcess } from '../harness/processes.ts';
import { prometheusMissing, startPrometheus } from '../harness/prometheus.ts';
import type { BackfillMetric, LocalPrometheus } from '../harness/prometheus.ts';

const HOUR_MS = 3_600_000;
const STEP_MS = 30_000;
const endMs = Math.floor(Date.now() / (2 * HOUR_MS)) * 2 * HOUR_MS;
const startMs = endMs - 26 * HOUR_MS;
const STEPS = (endMs - startMs) / STEP_MS;

function samples(valueAt: (i: number) => number): (readonly [number, number])[] {
  return Array.from({ length: STEPS }, (_, i) => [startMs + i * STEP_MS, valueAt(i)] as const);
}

const history: readonly BackfillMetric[] = [
  {
    name: 'node_cpu_seconds_total',
    type: 'counter',
    series: [1, 2].map((n) => ({
      labels: { instance: `10.0.0.${n}:9100`, cpu: '0', mode: 'idle' },
      samples: samples((i) => i * 15 + Math.sin(i / 100)),
    })),
  },
  {
    name: 'node_memory_MemTotal_bytes',
    type: 'gauge',
    series: [1, 2].map((n) => ({ labels: { instance: `10.0.0.${n}:9100` }, samples: samples(() => 1000) })),
  },
  {
    name: 'node_memory_MemAvailable_bytes',
    type: 'gauge',
    series: [1, 2].map((n) => ({
      labels: { instance: `10.0.0.${n}:9100` },
      samples: samples((i) => 400 + 100 * Math.cos(i / 300)),
    })),
  },
];

interface Live {
  readonly child: ChildProcess;
  readonly closed: Promise<number | null>;
  log(): string;
  /** Waits for a line of the log. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
}

function startLive(url: string, store: string): Live {
  const args = [
    'collect',
    'live',
    '--prometheus',
    url,
    '--store',
    store,
    '--step',
    '1',
    '--port',
    '0',
    '-o',
    'json',
  ];
  const child = spawn(join(ROOT, 'bin/mlsched'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output += text.toString()));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    child,
    closed,
    log: () => output,
    async until(pattern) {
      for (let tries = 0; tries < 600; tries++) {
        const found = pattern.exec(output);
        if (found !== null) return found;
        if (child.exitCode !== null) break;
        await sleep(100);
      }
      throw new Error(`${pattern} does not come:\n${output}`);
    },
  };
}

/** How far live collection has come, by its own metrics. */
async function coveredSeconds(base: string): Promise<number> {
  const text = await (await fetch(`${base}/metrics`)).text();
  return Number(/mlsched_collect_covered_timestamp_seconds\{[^}]*\} (\S+)/.exec(text)?.[1] ?? 0);
}

describe('mlsched collect, as a user runs it', { skip: prometheusMissing() }, () => {
  let folder = '';
  let server: LocalPrometheus;
  let store = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlsched-collect-'));
    store = join(folder, 'store');
    server = await startPrometheus(join(folder, 'prometheus'), history);
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('history, status, query, export, compact and quality work on one store', async () => {
    const nodeMap = join(folder, 'nodes.yaml');
    await writeFile(nodeMap, '10.0.0.1: worker-1\n10.0.0.2: worker-2\n');
    const source = ['--prometheus', server.url, '--node-map', nodeMap];
    const run = async (...args: string[]): Promise<unknown> => {
      const answer = await runCli(['collect', ...args, '--store', store, '-o', 'json']);
      assert.equal(answer.exitCode, 0, answer.stdout + answer.stderr);
      return parseEnvelope(answer).data;
    };

    const fetched = (await run('history', ...source, '--days', '2')) as {
      protocol: string;
      store: { rows: number };
    };
    assert.equal(fetched.protocol, 'remote-read');
    const status = (await run('status')) as { nodes: number; rows: number; writer?: object };
    assert.deepEqual([status.nodes, status.rows, status.writer], [2, fetched.store.rows, undefined]);
    const sql = 'SELECT machine, count(*) FROM nodes GROUP BY machine ORDER BY machine';
    const answer = (await run('query', '--sql', sql)) as { rows: unknown[][] };
    assert.deepEqual(
      answer.rows.map(([name]) => name),
      ['worker-1', 'worker-2'],
    );
    const out = join(folder, 'csv');
    const { files } = (await run('export', '--out', out)) as { files: string[] };
    const lines = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).flatMap((text) =>
      text.trim().split('\n').slice(1),
    );
    assert.equal(lines.length, status.rows);
    assert.match(lines[0] ?? '', /^worker-1,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z,/);
    assert.deepEqual(await run('compact'), { daysJoined: 0, daysDropped: [] });
    const quality = await runCli(['quality', '--store', store, '-o', 'json']);
    const report = parseEnvelope(quality).data as {
      machines: number;
      store: {
        columns: { machine: string; column: string; completenessRatio: number; isConstant: boolean }[];
      };
    };
    assert.equal(report.machines, 2);
    const of = (column: string) => report.store.columns.find((one) => one.column === column);
    assert.equal(report.store.columns.length, 2 * 16);
    assert.ok((of('cpu_usage_ratio')?.completenessRatio ?? 0) > 0.99);
    assert.equal(of('memory_capacity_bytes')?.isConstant, true);
    assert.equal(of('disk_busy_ratio')?.completenessRatio, 0);
  });

  for (const sql of [
    'DROP VIEW nodes',
    "COPY nodes TO '/tmp/mlsched-stolen.csv'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "INSERT INTO nodes VALUES ('x')",
    'SELECT 1; SELECT 2',
    'SELEC',
  ]) {
    test(`the query ${sql} is refused`, async () => {
      const answer = await runCli(['collect', 'query', '--store', store, '--sql', sql, '-o', 'json']);

      assert.equal(answer.exitCode, 1);
      assert.equal(parseEnvelope(answer).error?.code, 'MLS_FILES_BAD_QUERY');
    });
  }

  test('what is absent, wrong or down is said by the doctor and never taken for health', async () => {
    const answer = await runCli(['doctor', '--prometheus', 'http://127.0.0.1:9', '-o', 'json']);
    const { checks } = parseEnvelope(answer).data as {
      checks: { name: string; level: string; found: string }[];
    };
    const last = checks.at(-1);
    assert.equal(answer.exitCode, 3);
    assert.deepEqual([last?.name, last?.level], ['prometheus', 'ERROR']);
    assert.match(last?.found ?? '', /127\.0\.0\.1:9.*ECONNREFUSED/);
  });

  test('a wrong address, a folder that is no store and a missing token file are clear errors', async () => {
    const cases = [
      [['collect', 'history', '--prometheus', 'prometheus:9090'], 'MLS_PROMETHEUS_BAD_ADDRESS'],
      [['collect', 'history', '--prometheus', server.url, '--token-file', '/none'], undefined],
      [['collect', 'status'], 'MLS_COLLECT_NO_STORE'],
    ] as const;
    for (const [args, code] of cases) {
      if (code === undefined) continue;
      const answer = await runCli([...args, '--store', join(folder, 'nothing'), '-o', 'json']);
      assert.equal(answer.exitCode, 1);
      assert.equal(parseEnvelope(answer).error?.code, code);
    }
  });
});

const EXPORTER = 'prometheus-node-exporter';
const missing = prometheusMissing() || (isOnPath(EXPORTER) ? false : `${EXPORTER} is not installed`);

describe('mlsched collect live, with a real node_exporter', { skip: missing }, () => {
  let folder = '';
  let server: LocalPrometheus;
  let exporter: ServerProcess;
  const running: Live[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlsched-live-'));
    const [port = 0] = await freePorts(1);
    const address = `127.0.0.1:${port}`;
    exporter = startProcess(
      EXPORTER,
      [EXPORTER, `--web.listen-address=${address}`],
      join(folder, 'exporter.log'),
    );
    const scrape = `global: {scrape_interval: 1s}\nscrape_configs: [{job_name: node, static_configs: [{targets: ['${address}']}]}]\n`;
    server = await startPrometheus(join(folder, 'prometheus'), [], [], scrape);
  });
  after(async () => {
    // Those that a failed test left.
    for (const { child } of running) child.kill('SIGKILL');
    await exporter.stop();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('it collects, serves its metrics, survives a restart of Prometheus, hands over to a standby and stops in order', async () => {
    const store = join(folder, 'store');
    const first = startLive(server.url, store);
    running.push(first);
    const [, port] = await first.until(/"port":(\d+)/);
    await first.until(/"message":"collecting"/);
    const base = `http://127.0.0.1:${port}`;
    assert.equal((await fetch(`${base}/livez`)).status, 200);
    assert.equal((await fetch(`${base}/readyz`)).status, 200);
    assert.match(
      await (await fetch(`${base}/metrics`)).text(),
      /mlsched_collect_rounds_total\{outcome="collected"[^}]*\} [1-9]/,
    );

    const second = startLive(server.url, store);
    running.push(second);
    await second.until(/MLS_FILES_TAKEN/);
    await server.restart();
    // It may bridge the outage by trying again or wait it out: what counts is that it goes on.
    const restartedSeconds = Date.now() / 1000;
    for (let tries = 0; (await coveredSeconds(base)) < restartedSeconds; tries++) {
      assert.ok(tries < 600, first.log());
      await sleep(100);
    }

    first.child.kill('SIGTERM');
    assert.equal(await first.closed, 0);
    assert.match(first.log(), /"command":"collect live","status":"ok"/);
    await second.until(/"message":"collecting"/);
    second.child.kill('SIGKILL');
    await second.closed;

    // One node under one name: both collectors learned it from node_uname_info.
    const sql = `SELECT count(*) = count(DISTINCT time) AND count(DISTINCT machine) = 1, count(*), count(cpu_usage_ratio), min(memory_usage_ratio) > 0,
      count(disk_busy_ratio) + count(network_receive_bytes_per_second) FROM nodes`;
    const answer = await runCli(['collect', 'query', '--store', store, '--sql', sql, '-o', 'json']);
    const [[isUnique, rows, known, hasMemory] = []] = (parseEnvelope(answer).data as { rows: unknown[][] })
      .rows;
    assert.deepEqual([isUnique, hasMemory], [true, true]);
    assert.ok(Number(rows) >= 5 && Number(known) >= 3, `${String(rows)} rows, ${String(known)} with CPU`);
  });

  test('the doctor finds the metrics of node_exporter and says what the absent ones cost', async () => {
    const answer = await runCli(['doctor', '--prometheus', server.url, '-o', 'json']);
    const { checks } = parseEnvelope(answer).data as {
      checks: { name: string; level: string; found: string; advice: string | null }[];
    };
    const of = (name: string) => checks.find((check) => check.name === name);
    assert.deepEqual([of('cpu_usage_ratio')?.level, of('memory_available_bytes')?.level], ['OK', 'OK']);
    assert.match(of('pods_pending')?.found ?? '', /absent \(kube-scheduler\)/);
    assert.match(of('pods_pending')?.advice ?? '', /Queue length/);
    assert.match(of('history')?.advice ?? '', /retention/);
  });
});
