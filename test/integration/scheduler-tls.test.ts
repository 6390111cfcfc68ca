import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { systemClock } from '#kernel/clock';
import { silentLog } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { createFileRolloutStore, createSchedulerService, parseServiceConfig } from '#scheduler';

import { createAuthority } from '../harness/certificates.ts';

interface Caller {
  readonly port: number;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Status and serial number of the server's certificate, or the error that ended it. */
function get({ port, ...tls }: Caller, path: string): Promise<{ status: number; serial: string } | string> {
  return new Promise((resolve) => {
    const outgoing = request({ host: '127.0.0.1', port, path, agent: false, ...tls }, (response) => {
      const socket = response.socket as import('node:tls').TLSSocket;
      const serial = socket.getPeerCertificate().serialNumber;
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, serial }));
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    outgoing.end();
  });
}

async function startSecure(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-tls-'));
  const authority = createAuthority(folder);
  const other = createAuthority(folder, 'other');
  const first = authority.issue('server-1');
  const served = { cert: join(folder, 'served.pem'), key: join(folder, 'served.key') };
  const serve = (files: typeof first): void => {
    copyFileSync(files.certificateFile, served.cert);
    copyFileSync(files.keyFile, served.key);
  };
  serve(first);
  const config = `
listen: { port: 0 }
probes: { port: 0 }
load: { source: none }
tls:
  certificateFile: ${served.cert}
  keyFile: ${served.key}
  clientCaFile: ${authority.caFile}
  allowedClientNames: [scheduler.local]
`;
  const service = await createSchedulerService({
    config: parseServiceConfig(config, 'test'),
    journalDirectory: join(folder, 'journal'),
    rolloutStore: createFileRolloutStore(join(folder, 'rollout.json')),
    loadSource: undefined,
    clusterProblem: () => 'test',
    clock: systemClock,
    log: silentLog,
    registry: createMetricRegistry('test'),
    version: '0.0.0',
  });
  t.after(async () => {
    await service.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { port, probesPort } = await service.start();
  const ca = readFileSync(authority.caFile, 'utf8');
  const as = (files: typeof first): Caller => ({
    port,
    ca,
    cert: readFileSync(files.certificateFile, 'utf8'),
    key: readFileSync(files.keyFile, 'utf8'),
  });
  return { service, port, probesPort, authority, other, ca, as, serve, served };
}

test('only a certificate of our authority with an allowed name is let in', async (t) => {
  const { port, probesPort, authority, other, ca, as } = await startSecure(t);
  const good = await get(as(authority.issue('scheduler.local')), '/livez');
  assert.equal(typeof good === 'string' ? good : good.status, 200);
  const named = await get(as(authority.issue('somebody')), '/livez');
  assert.equal(typeof named === 'string' ? named : named.status, 403);
  for (const refused of [
    await get({ port, ca }, '/livez'),
    await get(as(other.issue('scheduler.local')), '/livez'),
    await get(as(authority.issue('scheduler.local', -1)), '/livez'),
  ])
    assert.equal(typeof refused, 'string', JSON.stringify(refused));
  const plain = await fetch(`http://127.0.0.1:${probesPort}/livez`);
  assert.equal(plain.status, 200);
  assert.equal((await fetch(`http://127.0.0.1:${probesPort}/v1/decisions`)).status, 404);
});

test('a new certificate is served without a restart, a broken one is not taken', async (t) => {
  const { service, authority, as, serve, served } = await startSecure(t);
  const caller = as(authority.issue('scheduler.local'));
  const serialNow = async (): Promise<string> => {
    const answer = await get(caller, '/livez');
    return typeof answer === 'string' ? answer : answer.serial;
  };
  const before = await serialNow();
  writeFileSync(served.cert, 'no certificate');
  await service.tick();
  assert.equal(await serialNow(), before);
  serve(authority.issue('server-2'));
  await service.tick();
  assert.notEqual(await serialNow(), before);
});
