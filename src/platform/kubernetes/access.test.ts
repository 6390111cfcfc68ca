import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openClusterAccess } from './access.ts';

const folder = mkdtempSync(join(tmpdir(), 'mlsched-access-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
}

let written = 0;

/** Writes a kubeconfig (JSON is YAML) and returns its path. */
function kubeconfig({ cluster = {}, user = {} }: Parts = {}, name = 'main'): string {
  const path = join(folder, `config-${written++}`);
  const text = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    preferences: {},
    'current-context': name,
    clusters: [{ name, cluster: { server: 'https://10.0.0.1:6443/', ...cluster } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'tools' } }],
  });
  writeFileSync(path, text);
  return path;
}

test('credentials in line and in files are read, relative to the kubeconfig', async () => {
  writeFileSync(join(folder, 'client.key'), 'KEY');
  const path = kubeconfig({
    cluster: { 'certificate-authority-data': base64('CA') },
    user: { 'client-certificate-data': base64('CERT'), 'client-key': 'client.key' },
  });
  const access = await openClusterAccess({ kubeconfig: path });
  assert.equal(access.server, 'https://10.0.0.1:6443');
  assert.equal(access.namespace, 'tools');
  assert.deepEqual(await access.credentials(), {
    ca: 'CA',
    certificate: 'CERT',
    key: 'KEY',
    token: undefined,
  });
});

test('a renewed token file is seen', async () => {
  const tokenFile = join(folder, 'token-file');
  writeFileSync(tokenFile, 'first\n');
  const access = await openClusterAccess({ kubeconfig: kubeconfig({ user: { tokenFile } }) });
  assert.equal((await access.credentials()).token, 'first');
  writeFileSync(tokenFile, 'second\n');
  assert.equal((await access.credentials()).token, 'second');
});

test('KUBECONFIG may list files: the first that names a thing wins, and contexts can be chosen', async () => {
  const main = kubeconfig({ user: { token: 'a' } }, 'main');
  const other = kubeconfig({ cluster: { server: 'https://other:6443' }, user: { token: 'b' } }, 'other');
  const environment = { KUBECONFIG: `${main}:${other}` };
  assert.equal((await openClusterAccess({ environment })).server, 'https://10.0.0.1:6443');
  const chosen = await openClusterAccess({ environment, context: 'other' });
  assert.equal(chosen.server, 'https://other:6443');
  assert.equal((await chosen.credentials()).token, 'b');
});

test('a pod uses its service account, and reads the token again', async () => {
  const account = join(folder, 'account');
  mkdirSync(account);
  for (const [name, text] of Object.entries({ 'ca.crt': 'CA', token: 'one', namespace: 'ml' })) {
    writeFileSync(join(account, name), text);
  }
  const access = await openClusterAccess({
    environment: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443', HOME: folder },
    serviceAccountFolder: account,
  });
  assert.equal(access.server, 'https://[fd00::1]:443');
  assert.equal(access.namespace, 'ml');
  writeFileSync(join(account, 'token'), 'two');
  assert.equal((await access.credentials()).token, 'two');
});

test('what is unsafe or not supported is refused with what to do', async () => {
  const refused: readonly [Parts, RegExp][] = [
    [{ cluster: { 'insecure-skip-tls-verify': true } }, /insecure-skip-tls-verify is refused/],
    [{ cluster: { server: 'http://10.0.0.1:8080' } }, /is not encrypted/],
    [{ cluster: { server: 'nonsense' } }, /is not an address/],
    [{ cluster: { 'proxy-url': 'http://proxy' } }, /proxy-url is not supported/],
    [{ user: { exec: { command: 'aws' } } }, /credentials by exec are not supported/],
  ];
  for (const [parts, message] of refused) {
    const opening = openClusterAccess({ kubeconfig: kubeconfig(parts) });
    await assert.rejects(opening, { code: 'MLS_KUBERNETES_BAD_ACCESS', message });
  }
  await openClusterAccess({ kubeconfig: kubeconfig({ cluster: { server: 'http://127.0.0.1:8001' } }) });
});

test('what is missing is named', async () => {
  const nothing = openClusterAccess({ environment: { HOME: folder } });
  await assert.rejects(nothing, { code: 'MLS_KUBERNETES_NO_ACCESS' });
  const absent = openClusterAccess({ kubeconfig: join(folder, 'absent') });
  await assert.rejects(absent, { code: 'MLS_KUBERNETES_BAD_ACCESS', message: /absent/ });
  const context = openClusterAccess({ kubeconfig: kubeconfig(), context: 'none' });
  await assert.rejects(context, { message: /context none is not there/ });
  const access = await openClusterAccess({ kubeconfig: kubeconfig({ user: { tokenFile: 'no-file' } }) });
  await assert.rejects(access.credentials(), { message: /no-file/ });
  const broken = join(folder, 'broken');
  writeFileSync(broken, 'clusters: [');
  await assert.rejects(openClusterAccess({ kubeconfig: broken }), { message: /is not YAML/ });
});
