import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createHttpClient, type HttpClientOptions } from '../../src/platform/http-client/index.ts';
import { createAuthority } from '../harness/certificates.ts';

async function serve(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

function connect(t: TestContext, options: Omit<HttpClientOptions, 'service'>) {
  const client = createHttpClient({ service: 'Example', timeoutSeconds: 5, ...options });
  t.after(() => client.close());
  return client;
}

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-http-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const ok: RequestListener = (_request, response) => response.end('{"fine":true}');

test('a certificate of another authority, or one that is over, is refused; the right one is accepted', async (t) => {
  const folder = tempFolder(t);
  const authority = createAuthority(folder);
  const stranger = createAuthority(folder, 'stranger');
  const good = authority.issue('good');
  const over = authority.issue('over', -1);
  const read = ({ certificateFile, keyFile }: typeof good) => ({
    cert: readFileSync(certificateFile),
    key: readFileSync(keyFile),
  });
  const goodPort = await serve(t, createTlsServer(read(good), ok));
  const overPort = await serve(t, createTlsServer(read(over), ok));
  const send = (port: number, caFile: string) =>
    connect(t, { baseUrl: `https://127.0.0.1:${port}`, caFile, attempts: 1 }).send({
      method: 'GET',
      path: '/',
    });

  assert.deepEqual((await send(goodPort, authority.caFile)).json(), { fine: true });
  await assert.rejects(send(goodPort, stranger.caFile), { code: 'MLS_HTTP_UNREACHABLE' });
  await assert.rejects(send(overPort, authority.caFile), /expired/);
  await assert.rejects(async () => send(goodPort, join(folder, 'none.pem')), {
    code: 'MLS_HTTP_CREDENTIALS',
  });
});

test('a server that asks for a certificate gets ours', async (t) => {
  const folder = tempFolder(t);
  const authority = createAuthority(folder);
  const server = authority.issue('server');
  const own = authority.issue('own');
  const port = await serve(
    t,
    createTlsServer(
      {
        cert: readFileSync(server.certificateFile),
        key: readFileSync(server.keyFile),
        ca: readFileSync(authority.caFile),
        requestCert: true,
        rejectUnauthorized: true,
      },
      ok,
    ),
  );
  const base = { baseUrl: `https://127.0.0.1:${port}`, caFile: authority.caFile, attempts: 1 };

  assert.equal((await connect(t, { ...base, ...own }).send({ method: 'GET', path: '/' })).status, 200);
  await assert.rejects(connect(t, base).send({ method: 'GET', path: '/' }), { code: 'MLS_HTTP_UNREACHABLE' });
});

test('a busy server is asked again, but what may have been done is not done twice', async (t) => {
  let calls = 0;
  const port = await serve(
    t,
    createPlainServer((_request, response) => {
      calls++;
      response.writeHead(calls % 3 === 0 ? 200 : 503).end('{}');
    }),
  );
  const client = connect(t, { baseUrl: `http://127.0.0.1:${port}` });

  assert.equal((await client.send({ method: 'GET', path: '/' })).status, 200);
  assert.equal(calls, 3);
  await assert.rejects(client.send({ method: 'POST', path: '/', body: {} }), { code: 'MLS_HTTP_BUSY' });
  assert.equal(calls, 4);
});

test('a token is read anew for each request and stands in no error', async (t) => {
  const tokenFile = join(tempFolder(t), 'token');
  const seen: (string | undefined)[] = [];
  const port = await serve(
    t,
    createPlainServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(seen.length === 1 ? 200 : 401).end('no');
    }),
  );
  const client = connect(t, { baseUrl: `http://user:password@127.0.0.1:${port}/prefix`, tokenFile });
  writeFileSync(tokenFile, 'one\n');
  await client.send({ method: 'GET', path: '/' });
  writeFileSync(tokenFile, 'two\n');
  await assert.rejects(client.send({ method: 'GET', path: '/' }), (error: Error & { code: string }) => {
    assert.equal(error.code, 'MLS_HTTP_UNAUTHORISED');
    assert.doesNotMatch(error.message, /password|two/);
    return true;
  });
  assert.deepEqual(seen, ['Bearer one', 'Bearer two']);
});

test('a hanging server is a time-out, an endless answer is cut, a closed port is unreachable', async (t) => {
  const hanging = await serve(
    t,
    createPlainServer(() => undefined),
  );
  const endless = await serve(
    t,
    createPlainServer((_request, response) => {
      response.write('x'.repeat(5000));
    }),
  );
  const get = { method: 'GET', path: '/' } as const;

  await assert.rejects(
    connect(t, { baseUrl: `http://127.0.0.1:${hanging}`, timeoutSeconds: 0.2 }).send(get),
    {
      code: 'MLS_HTTP_TIMEOUT',
    },
  );
  await assert.rejects(
    connect(t, { baseUrl: `http://127.0.0.1:${endless}`, answerLimitBytes: 1000 }).send(get),
    {
      code: 'MLS_HTTP_TOO_LARGE',
    },
  );
  await assert.rejects(connect(t, { baseUrl: 'http://127.0.0.1:1', attempts: 1 }).send(get), {
    code: 'MLS_HTTP_UNREACHABLE',
  });
});
