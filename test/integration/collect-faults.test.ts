import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createPlainServer, request as plainRequest } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { collectHistory, createNodeIdentity, discoverNodes, queryStore, readPodUsage } from '#collect';
import type { HistoryReport } from '#collect';
import { createHalvingReader, createQueryReader, createRemoteReader } from '#platform/prometheus';
import type { PrometheusOptions } from '#platform/prometheus';
import { prometheusMissing, startPrometheus } from '../harness/prometheus.ts';
import type { BackfillMetric, LocalPrometheus } from '../harness/prometheus.ts';

const HOUR_MS = 3_600_000;
const STEP_MS = 30_000;
const endMs = Math.floor(Date.now() / (24 * HOUR_MS)) * 24 * HOUR_MS;
const startMs = endMs - 6 * HOUR_MS;
const dayMs = endMs - 24 * HOUR_MS;
const STEPS = (endMs - startMs) / STEP_MS;

type Sample = readonly [timeMs: number, value: number];

function samples(valueAt: (i: number) => number, keep: (i: number) => boolean = () => true): Sample[] {
  return Array.from({ length: STEPS + 1 }, (_, i) => i)
    .filter(keep)
    .map((i) => [startMs + i * STEP_MS, valueAt(i)] as const);
}

const idle = (keep?: (i: number) => boolean): Sample[] => samples((i) => i * 15, keep);

/**
 * Six nodes with a trouble each: `good`; `reset` counts from 0 again; `gone` is away for two hours; `nan` says NaN at
 * times; `twice` is scraped by two jobs; `moved` gets a new address in the middle.
 */
const history: readonly BackfillMetric[] = [
  {
    name: 'node_cpu_seconds_total',
    type: 'counter',
    series: [
      { labels: { instance: 'good:9100', cpu: '0', mode: 'idle', job: 'a' }, samples: idle() },
      {
        labels: { instance: 'reset:9100', cpu: '0', mode: 'idle', job: 'a' },
        samples: samples((i) => (i % 200) * 15),
      },
      {
        labels: { instance: 'gone:9100', cpu: '0', mode: 'idle', job: 'a' },
        samples: idle((i) => i < 100 || i >= 340),
      },
      { labels: { instance: 'nan:9100', cpu: '0', mode: 'idle', job: 'a' }, samples: idle() },
      { labels: { instance: 'twice:9100', cpu: '0', mode: 'idle', job: 'a' }, samples: idle() },
      { labels: { instance: 'twice:9100', cpu: '0', mode: 'idle', job: 'b' }, samples: idle() },
      { labels: { instance: '10.0.0.7:9100', cpu: '0', mode: 'idle' }, samples: idle((i) => i < 300) },
      { labels: { instance: '10.0.0.8:9100', cpu: '0', mode: 'idle' }, samples: idle((i) => i >= 300) },
    ],
  },
  {
    name: 'node_memory_MemTotal_bytes',
    type: 'gauge',
    series: [{ labels: { instance: 'nan:9100' }, samples: samples(() => 1000) }],
  },
  {
    name: 'node_memory_MemAvailable_bytes',
    type: 'gauge',
    series: [{ labels: { instance: 'nan:9100' }, samples: samples((i) => (i % 2 === 0 ? NaN : 250)) }],
  },
  {
    name: 'node_network_receive_bytes_total',
    type: 'counter',
    series: ['a', 'b'].map((job) => ({
      labels: { instance: 'twice:9100', device: 'eth0', job },
      samples: samples((i) => i * 3000),
    })),
  },
  // Names of kubelet before 1.19 and of kube-state-metrics before 2.
  {
    name: 'kubelet_running_pod_count',
    type: 'gauge',
    series: [{ labels: { instance: 'good:10250' }, samples: samples(() => 11) }],
  },
  {
    name: 'kube_pod_container_resource_requests_cpu_cores',
    type: 'gauge',
    series: ['p', 'q'].map((pod) => ({
      labels: { instance: 'ksm:8080', node: 'good', namespace: 'n', pod, container: 'c' },
      samples: samples(() => 0.5),
    })),
  },
  {
    name: 'node_uname_info',
    type: 'gauge',
    series: [7, 8].map((n) => ({
      labels: { instance: `10.0.0.${n}:9100`, nodename: 'moved' },
      samples: samples(() => 1),
    })),
  },
  {
    name: 'container_cpu_usage_seconds_total',
    type: 'counter',
    series: [
      { labels: { namespace: 'shop', pod: 'web', container: 'app' }, samples: samples((i) => i * 6) },
      { labels: { namespace: 'shop', pod: 'web', container: 'proxy' }, samples: samples((i) => i * 3) },
      { labels: { namespace: 'shop', pod: 'web', container: 'POD' }, samples: samples((i) => i * 30) },
      { labels: { namespace: 'shop', pod: 'web' }, samples: samples((i) => i * 9) },
      { labels: { namespace: 'old', pod_name: 'bare' }, samples: samples((i) => i * 30) },
      { labels: { id: '/system.slice' }, samples: samples((i) => i * 30) },
    ],
  },
  {
    name: 'container_memory_working_set_bytes',
    type: 'gauge',
    series: [
      { labels: { namespace: 'shop', pod: 'web', container: 'app' }, samples: samples(() => 700) },
      { labels: { namespace: 'shop', pod: 'web', container: 'proxy' }, samples: samples(() => 300) },
    ],
  },
];

interface Proxy {
  readonly url: string;
  close(): void;
}

async function listen(server: Server, scheme = 'http'): Promise<Proxy> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Hands everything through to the real server, after `spoil` had a chance to answer in its place. */
function through(
  target: string,
  spoil: (request: IncomingMessage, response: ServerResponse) => boolean,
): RequestListener {
  return (request, response) => {
    if (spoil(request, response)) {
      request.resume();
      return;
    }
    const { method, headers } = request;
    const onward = plainRequest(`${target}${request.url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.once('error', () => response.destroy());
    request.pipe(onward);
  };
}

const PROTOCOLS = [
  { name: 'remote read', create: createRemoteReader },
  { name: 'queries', create: createQueryReader },
] as const;

describe('faults between us and a real Prometheus', { skip: prometheusMissing() }, () => {
  let folder = '';
  let server: LocalPrometheus;
  let stores = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlsched-faults-'));
    server = await startPrometheus(join(folder, 'prometheus'), history, ['--query.max-samples=3000']);
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function collect(
    options: PrometheusOptions,
    create: (options: PrometheusOptions) => ReturnType<typeof createRemoteReader> = createRemoteReader,
  ): Promise<{ store: string; report: HistoryReport }> {
    const store = join(folder, `store-${stores++}`);
    const reader = createHalvingReader(create(options));
    const clusterNodes = await discoverNodes(reader, endMs - 1);
    const report = await collectHistory({
      reader,
      identity: createNodeIdentity({ clusterNodes }),
      storeDirectory: store,
      startMs: dayMs,
      endMs,
    });
    return { store, report };
  }

  async function ask(store: string, sql: string): Promise<readonly (readonly unknown[])[]> {
    return (await queryStore(store, sql, 1000)).rows;
  }

  for (const { name, create } of PROTOCOLS) {
    test(`by ${name}: resets, holes, NaN, duplicates, new addresses and old names end as known or unknown, never as 0`, async () => {
      const { store, report } = await collect({ url: server.url }, create);

      const rows = await ask(
        store,
        `SELECT machine, count(*), count(cpu_usage_ratio), min(cpu_usage_ratio), max(cpu_usage_ratio)
         FROM nodes GROUP BY machine ORDER BY machine`,
      );
      // The first rate needs two samples; after the hole too. Each of the three resets makes one rate unknown.
      assert.deepEqual(rows, [
        ['gone', STEPS - 241, STEPS - 241, 0.5, 0.5],
        ['good', STEPS, STEPS, 0.5, 0.5],
        ['moved', STEPS - 1, STEPS - 1, 0.5, 0.5],
        ['nan', STEPS + 0, STEPS, 0.5, 0.5],
        ['reset', STEPS - 3, STEPS - 3, 0.5, 0.5],
        ['twice', STEPS, STEPS, 0.5, 0.5],
      ]);
      assert.deepEqual(
        await ask(
          store,
          "SELECT count(memory_usage_ratio), min(memory_usage_ratio) FROM nodes WHERE machine = 'nan'",
        ),
        [[STEPS / 2, 0.75]],
      );
      assert.deepEqual(
        await ask(
          store,
          "SELECT DISTINCT network_receive_bytes_per_second FROM nodes WHERE machine = 'twice'",
        ),
        [[100]],
      );
      assert.deepEqual(
        await ask(
          store,
          "SELECT DISTINCT pods_running, cpu_requested_cores FROM nodes WHERE machine = 'good'",
        ),
        [[11, 1]],
      );
      const [day] = Object.values(report.days);
      assert.deepEqual([day?.counterResets, day?.duplicateSeries], [3, 2]);
    });
  }

  test('a server that limits a query is asked in shorter spans, and nothing is lost or doubled', async () => {
    const whole = await collect({ url: server.url });
    const halved = await collect({ url: server.url, windowSeconds: 86_400 }, createQueryReader);

    const [expected, found] = await Promise.all(
      [whole, halved].map(({ store }) => ask(store, 'SELECT count(*), sum(cpu_usage_ratio) FROM nodes')),
    );
    assert.deepEqual(found, expected);
    // The limit is there: in one piece the server refuses.
    const selection = {
      matchers: [{ name: '__name__', type: '=~', value: '.+' } as const],
      startMs,
      endMs,
    };
    const reader = createQueryReader({ url: server.url, windowSeconds: 86_400 });
    await assert.rejects(
      async () => {
        for await (const _ of reader.read(selection)) break;
      },
      { code: 'MLS_PROMETHEUS_TOO_LARGE', message: /422.*too many samples/ },
    );
  });

  test('busy, slow, cut and down at times: the store ends whole', async () => {
    let calls = 0;
    const proxy = await listen(
      createPlainServer(
        through(server.url, (request, response) => {
          calls++;
          if (calls % 7 === 0) response.writeHead(429, { 'retry-after': '0' }).end('slower');
          else if (calls % 11 === 0) response.writeHead(503).end('starting');
          else if (calls % 5 === 0)
            response.writeHead(200, { 'content-type': 'application/x-streamed-protobuf' }).end('torn');
          else if (calls % 13 === 0) request.socket.destroy();
          else return false;
          return true;
        }),
      ),
    );
    try {
      const [broken, whole] = await Promise.all([collect({ url: proxy.url }), collect({ url: server.url })]);
      const sql = 'SELECT count(*), count(DISTINCT (machine, time)), sum(cpu_usage_ratio) FROM nodes';
      assert.deepEqual(await ask(broken.store, sql), await ask(whole.store, sql));
      assert.ok(calls > 20);
    } finally {
      proxy.close();
    }
  });

  test('the wait that a server asks for is kept', async () => {
    const times: number[] = [];
    const proxy = await listen(
      createPlainServer(
        through(server.url, (_, response) => {
          times.push(Date.now());
          if (times.length > 1) return false;
          response.writeHead(503, { 'retry-after': '1' }).end('later');
          return true;
        }),
      ),
    );
    try {
      await discoverNodes(createRemoteReader({ url: proxy.url }), endMs);
      assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 950);
    } finally {
      proxy.close();
    }
  });

  test('an outage in the middle leaves what was stored, and the next run ends like one without', async () => {
    const store = join(folder, 'outage');
    let isDown = false;
    let calls = 0;
    const proxy = await listen(
      createPlainServer(
        through(server.url, (request) => {
          if (++calls > 25) isDown = true;
          if (isDown) request.socket.destroy();
          return isDown;
        }),
      ),
    );
    const options = {
      identity: createNodeIdentity(),
      storeDirectory: store,
      startMs: dayMs - 24 * HOUR_MS,
      endMs,
    };
    try {
      await assert.rejects(
        collectHistory({ ...options, reader: createRemoteReader({ url: proxy.url, attempts: 1 }) }),
        { code: 'MLS_PROMETHEUS_UNREACHABLE', message: new RegExp(proxy.url) },
      );
    } finally {
      proxy.close();
    }
    await collectHistory({ ...options, reader: createRemoteReader({ url: server.url }) });
    const [[rows, keys] = []] = await ask(
      store,
      'SELECT count(*), count(DISTINCT (machine, time)) FROM nodes',
    );
    assert.equal(rows, keys);
    assert.equal((await ask(store, "SELECT count(*) FROM nodes WHERE machine = 'good'"))[0]?.[0], STEPS);
  });

  test("the server's clock is told from its answers", async () => {
    const proxy = await listen(
      createPlainServer((request, response) => {
        request.resume();
        response.setHeader('date', new Date(Date.now() + 600_000).toUTCString());
        response.writeHead(404).end();
      }),
    );
    try {
      const reader = createRemoteReader({ url: proxy.url, attempts: 1 });
      await assert.rejects(discoverNodes(reader, endMs));
      assert.ok(Math.abs((reader.clockSkewMs?.() ?? 0) - 600_000) < 5_000);
    } finally {
      proxy.close();
    }
  });

  test('TLS: a stranger is refused, the named authority is trusted, a token is read from its file each time', async () => {
    const files = ['key.pem', 'cert.pem', 'token'].map((name) => join(folder, name));
    const [key = '', cert = '', token = ''] = files;
    await promisify(execFile)('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=127.0.0.1',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      key,
      '-out',
      cert,
    ]);
    await writeFile(token, 'first\n');
    const seen: (string | undefined)[] = [];
    const tls = { key: await readFile(key), cert: await readFile(cert) };
    const proxy = await listen(
      createSecureServer(
        tls,
        through(server.url, (request, response) => {
          seen.push(request.headers.authorization);
          if (request.headers.authorization === 'Bearer first') return false;
          response.writeHead(401).end('who are you');
          return true;
        }),
      ) as unknown as Server,
      'https',
    );
    try {
      await assert.rejects(discoverNodes(createRemoteReader({ url: proxy.url }), endMs), {
        code: 'MLS_PROMETHEUS_TLS',
        message: new RegExp(`${proxy.url}.*self-signed`),
        hint: /--ca-file/,
      });
      const reader = createRemoteReader({ url: proxy.url, caFile: cert, tokenFile: token });
      assert.deepEqual(
        (await discoverNodes(reader, endMs - 1)).map(({ name }) => name),
        ['moved'],
      );
      await writeFile(token, 'second\n');
      await assert.rejects(discoverNodes(reader, endMs), { code: 'MLS_PROMETHEUS_UNAUTHORISED' });
      assert.equal(seen.at(-1), 'Bearer second');
      await assert.rejects(
        discoverNodes(
          createRemoteReader({ url: proxy.url, caFile: cert, tokenFile: join(folder, 'none') }),
          endMs,
        ),
        { code: 'MLS_PROMETHEUS_CREDENTIALS', message: /token file .*none/ },
      );
    } finally {
      proxy.close();
    }
  });

  test('what pods used is the sum of their containers, the pause container left out, old labels understood', async () => {
    const reader = createRemoteReader({ url: server.url });
    const usage = await readPodUsage(reader, { startMs: startMs + HOUR_MS, endMs: startMs + 2 * HOUR_MS });

    assert.deepEqual(
      usage.map(({ namespace, pod, timesMs }) => [namespace, pod, timesMs.length]),
      [
        ['old', 'bare', 60],
        ['shop', 'web', 60],
      ],
    );
    assert.ok(usage[1]?.cpuMillicores.every((millicores) => Math.abs(millicores - 300) < 1e-6));
    assert.ok(usage[1]?.memoryBytes.every((bytes) => bytes === 1000));
    assert.ok(usage[0]?.cpuMillicores.every((millicores) => Math.abs(millicores - 1000) < 1e-6));
    assert.ok(usage[0]?.memoryBytes.every(Number.isNaN));
  });
});
