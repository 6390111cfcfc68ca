import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createRng } from '#kernel/rng';
import { createQueryReader, createRemoteReader, openReader } from '#platform/prometheus';
import type { PrometheusReader, PrometheusSeries, SampleSelection } from '#platform/prometheus';
import { prometheusMissing, startPrometheus } from '../harness/prometheus.ts';
import type { BackfillMetric, LocalPrometheus } from '../harness/prometheus.ts';

const HOUR_MS = 3_600_000;
const STEP_MS = 30_000;
const endMs = Math.floor(Date.now() / (2 * HOUR_MS)) * 2 * HOUR_MS;
const startMs = endMs - 48 * HOUR_MS;

type Samples = readonly (readonly [number, number])[];

/** Irregular times, a six-hour hole, and every kind of number a chunk can hold. */
function oddGauge(seed: number): Samples {
  const rng = createRng(seed);
  const samples: [number, number][] = [];
  for (let i = 0; startMs + i * STEP_MS < endMs; i++) {
    const timeMs = startMs + i * STEP_MS + (rng.int(10) === 0 ? rng.int(20_000) : 0);
    if (i > 2000 && i < 2720) continue;
    samples.push([timeMs, oddValue(rng.int(100), rng.next())]);
  }
  return samples;
}

function oddValue(kind: number, uniform: number): number {
  if (kind === 0) return NaN;
  if (kind === 1) return Infinity;
  if (kind === 2) return -Infinity;
  if (kind < 10) return -uniform * 1e300;
  if (kind < 20) return uniform * 1e-300;
  if (kind < 50) return 0.5;
  return kind < 70 ? Math.floor(uniform * 2 ** 50) : uniform;
}

/** A counter that starts again from 0 in the middle. */
function resettingCounter(): Samples {
  return Array.from({ length: (endMs - startMs) / STEP_MS }, (_, i): [number, number] => [
    startMs + i * STEP_MS,
    (i % 3000) * 12.25,
  ]);
}

const history: readonly BackfillMetric[] = [
  {
    name: 'node_odd',
    type: 'gauge',
    series: [1, 2, 3].map((n) => ({
      labels: { instance: `10.0.0.${n}:9100`, note: 'a"b\\c' },
      samples: oddGauge(n),
    })),
  },
  {
    name: 'node_work_total',
    type: 'counter',
    series: [{ labels: { instance: '10.0.0.1:9100' }, samples: resettingCounter() }],
  },
];

const everything: SampleSelection = {
  matchers: [{ name: '__name__', type: '=~', value: 'node_.*' }],
  startMs,
  endMs,
};

async function readAll(
  reader: PrometheusReader,
  selection: SampleSelection,
): Promise<Map<string, PrometheusSeries>> {
  const found = new Map<string, PrometheusSeries>();
  for await (const series of reader.read(selection)) {
    const key = `${series.labels['__name__']} ${series.labels['instance']}`;
    assert.ok(!found.has(key), `${key} came twice`);
    found.set(key, series);
  }
  return found;
}

function assertSamples(series: PrometheusSeries | undefined, expected: Samples): void {
  assert.ok(series);
  assert.deepEqual(
    [...series.timesMs],
    expected.map(([timeMs]) => timeMs),
  );
  assert.deepEqual(
    [...series.values],
    expected.map(([, value]) => value),
  );
}

describe('a real Prometheus', { skip: prometheusMissing() }, () => {
  let folder = '';
  let server: LocalPrometheus;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlsched-prometheus-'));
    server = await startPrometheus(folder, history);
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  for (const { name, create } of [
    { name: 'remote read', create: createRemoteReader },
    { name: 'queries', create: createQueryReader },
  ]) {
    test(`by ${name} every sample comes back bit for bit: odd times, holes, NaN, infinities, resets`, async () => {
      const found = await readAll(create({ url: server.url }), everything);

      assert.equal(found.size, 4);
      for (const metric of history) {
        for (const { labels, samples } of metric.series) {
          const series = found.get(`${metric.name} ${labels['instance']}`);
          assert.deepEqual(series?.labels, { __name__: metric.name, ...labels });
          assertSamples(series, [...samples]);
        }
      }
    });

    test(`by ${name} spans are half open: neighbours share no sample and lose none`, async () => {
      const reader = create({ url: server.url, windowSeconds: 1000 });
      const cuts = [startMs, startMs + 90 * STEP_MS, startMs + 90 * STEP_MS + 1, startMs + 3 * HOUR_MS];
      const times: number[] = [];
      for (let i = 0; i + 1 < cuts.length; i++) {
        const span = { ...everything, startMs: cuts[i] ?? 0, endMs: cuts[i + 1] ?? 0 };
        const found = await readAll(reader, span);
        times.push(...(found.get('node_work_total 10.0.0.1:9100')?.timesMs ?? []));
      }

      const expected = resettingCounter().map(([timeMs]) => timeMs);
      assert.deepEqual(
        times,
        expected.filter((timeMs) => timeMs < startMs + 3 * HOUR_MS),
      );
    });

    test(`by ${name} matchers select: equal, unequal, pattern, negated pattern, quotes`, async () => {
      const reader = create({ url: server.url });
      const found = await readAll(reader, {
        ...everything,
        endMs: startMs + HOUR_MS,
        matchers: [
          { name: '__name__', type: '=', value: 'node_odd' },
          { name: 'instance', type: '!=', value: '10.0.0.1:9100' },
          { name: 'instance', type: '!~', value: '.*3:9100' },
          { name: 'note', type: '=', value: 'a"b\\c' },
        ],
      });

      assert.deepEqual([...found.keys()], ['node_odd 10.0.0.2:9100']);
    });

    test(`by ${name} nothing selected is an empty answer, not an error`, async () => {
      const matchers = [{ name: '__name__', type: '=', value: 'no_such_metric' }] as const;

      assert.equal((await readAll(create({ url: server.url }), { ...everything, matchers })).size, 0);
    });

    test(`by ${name} a wrong pattern is refused with the server's own words`, async () => {
      const matchers = [{ name: '__name__', type: '=~', value: '(' }] as const;

      await assert.rejects(readAll(create({ url: server.url }), { ...everything, matchers }), {
        code: /MLS_PROMETHEUS_/,
        message: /error parsing regexp/,
      });
    });
  }

  test('remote read is chosen where it is there, queries behind a proxy without it', async () => {
    const probe = { ...everything, endMs: startMs + HOUR_MS };
    const proxy = await listen((request, response) => {
      if (request.url === '/api/v1/read') response.writeHead(404).end('no such page');
      else void forward(server.url, request, response);
    });
    try {
      assert.equal((await openReader({ url: server.url }, probe)).protocol, 'remote-read');
      const reader = await openReader({ url: proxy.url }, probe);
      assert.equal(reader.protocol, 'query');
      assertSamples(
        (await readAll(reader, everything)).get('node_work_total 10.0.0.1:9100'),
        resettingCounter(),
      );
    } finally {
      proxy.close();
    }
  });

  test('a damaged byte, a cut and a busy moment: found, found, survived', async () => {
    const whole = await captureRemoteRead(server.url);
    const damaged = Buffer.from(whole);
    damaged[Math.floor(whole.length / 2)] = (damaged[Math.floor(whole.length / 2)] ?? 0) ^ 1;
    for (const body of [damaged, whole.subarray(0, whole.length - 100)]) {
      await withAnswer([{ status: 200, body }], async (url) => {
        await assert.rejects(readAll(createRemoteReader({ url }), everything), {
          code: 'MLS_PROMETHEUS_BROKEN_STREAM',
        });
      });
    }
    const busy = [
      { status: 503, body: Buffer.from('later') },
      { status: 429, body: Buffer.from('slower') },
      { status: 200, body: whole },
    ];
    await withAnswer(busy, async (url) => {
      assert.equal((await readAll(createRemoteReader({ url }), everything)).size, 4);
    });
  });
});

/** The body that the real server sends for `everything`, caught by a proxy. */
async function captureRemoteRead(url: string): Promise<Buffer> {
  let captured: Promise<Buffer> | undefined;
  const proxy = await listen((request, response) => {
    captured = forward(url, request, response);
  });
  await readAll(createRemoteReader({ url: proxy.url }), everything);
  proxy.close();
  return captured ?? Buffer.alloc(0);
}

async function forward(url: string, request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { 'content-type': type = '', 'content-encoding': encoding } = request.headers;
  const answer = await fetch(url + (request.url ?? ''), {
    method: 'POST',
    headers: { 'content-type': type, ...(encoding === undefined ? {} : { 'content-encoding': encoding }) },
    body: Buffer.concat(parts),
  });
  const body = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(body);
  return body;
}

async function listen(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; close(): void }> {
  const server: Server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A server that gives these answers one after the other, then the last for ever. */
async function withAnswer(
  answers: readonly { readonly status: number; readonly body: Buffer }[],
  work: (url: string) => Promise<void>,
): Promise<void> {
  let given = 0;
  const server = await listen((request, response) => {
    request.resume();
    const answer = answers[Math.min(given++, answers.length - 1)];
    response
      .writeHead(answer?.status ?? 500, { 'content-type': 'application/x-streamed-protobuf; proto=x' })
      .end(answer?.body);
  });
  try {
    await work(server.url);
  } finally {
    server.close();
  }
}

for (const { status, code, kind } of [
  { status: 401, code: 'MLS_PROMETHEUS_UNAUTHORISED', kind: 'invalid-input' },
  { status: 403, code: 'MLS_PROMETHEUS_UNAUTHORISED', kind: 'invalid-input' },
  { status: 413, code: 'MLS_PROMETHEUS_TOO_LARGE', kind: 'invalid-input' },
  { status: 429, code: 'MLS_PROMETHEUS_BUSY', kind: 'unavailable' },
  { status: 503, code: 'MLS_PROMETHEUS_BUSY', kind: 'unavailable' },
]) {
  test(`an answer ${status} becomes ${code} and names the source, for both protocols`, async () => {
    await withAnswer([{ status, body: Buffer.from('not today') }], async (url) => {
      for (const create of [createRemoteReader, createQueryReader]) {
        await assert.rejects(
          readAll(create({ url, attempts: 2 }), { ...everything, endMs: startMs + 1000 }),
          {
            code,
            kind,
            message: new RegExp(`${url}.*${status}.*not today`),
          },
        );
      }
    });
  });
}

test('a server that is down, silent or no TLS is named, never taken for empty', async () => {
  const short = { ...everything, endMs: startMs + 1000 };
  const silent = await listen(() => undefined);
  const port = new URL(silent.url).port;
  try {
    await assert.rejects(
      readAll(createRemoteReader({ url: silent.url, timeoutSeconds: 0.2, attempts: 1 }), short),
      {
        code: 'MLS_PROMETHEUS_TIMEOUT',
      },
    );
    await assert.rejects(
      readAll(createRemoteReader({ url: `https://127.0.0.1:${port}`, attempts: 1 }), short),
      {
        code: 'MLS_PROMETHEUS_TLS',
        message: new RegExp(`127.0.0.1:${port}`),
      },
    );
  } finally {
    silent.close();
  }
});

test('credentials in the address are sent as a header and never shown', async () => {
  let authorization: string | undefined;
  const server = await listen((request, response) => {
    ({ authorization } = request.headers);
    response.writeHead(401).end('who are you');
  });
  const url = server.url.replace('//', '//reader:s%40cret@');
  try {
    await assert.rejects(readAll(createRemoteReader({ url }), everything), (error: Error) => {
      return !/cret/.test(error.message + JSON.stringify(error));
    });
    assert.equal(authorization, `Basic ${Buffer.from('reader:s@cret').toString('base64')}`);
    await assert.rejects(readAll(createQueryReader({ url, bearerToken: 'abc' }), everything));
    assert.equal(authorization, 'Bearer abc');
  } finally {
    server.close();
  }
});
