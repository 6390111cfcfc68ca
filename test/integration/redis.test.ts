import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createRedisConnection } from '#platform/redis';
import { freePorts } from '../harness/processes.ts';
import { redisMissing, startRedis, type LocalRedis } from '../harness/redis.ts';

const skip = redisMissing();

describe('a connection to Redis', { skip, concurrency: false }, () => {
  let folder: string;
  let redis: LocalRedis;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mlsched-redis-test-'));
    redis = await startRedis();
  });
  after(async () => {
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('gives replies as bytes', async () => {
    const connection = createRedisConnection({ url: redis.url });
    const value = Buffer.from([0, 255, 10, 13]);
    await connection.run((commands) => commands.set('bytes', value));

    assert.deepEqual(await connection.run((commands) => commands.get('bytes')), value);
    await connection.close();
  });

  test('fails at once while the server is away, and works again when it is back', async () => {
    const other = await startRedis();
    const connection = createRedisConnection({ url: other.url, timeoutMs: 2000 });
    await connection.run((commands) => commands.ping());
    await other.stop();
    const ping = () => connection.run((commands) => commands.ping());
    await assert.rejects(ping(), { code: 'MLS_REDIS_UNREACHABLE', kind: 'unavailable' });
    await assert.rejects(ping(), { code: 'MLS_REDIS_UNREACHABLE' });
    const again = await startRedis([], other.port);

    assert.equal(String(await ping()), 'PONG');
    await connection.close();
    await again.stop();
  });

  test('gives up on a server that hangs, drops what waits, and works again when it moves', async () => {
    const other = await startRedis();
    const connection = createRedisConnection({ url: other.url, timeoutMs: 200 });
    const ping = () => connection.run((commands) => commands.ping());
    await ping();
    process.kill(other.pid, 'SIGSTOP');
    const outcomes = await Promise.allSettled([ping(), ping(), ping()]);
    for (const outcome of outcomes) {
      assert.equal(outcome.status, 'rejected');
      assert.ok(
        ['MLS_REDIS_TIMEOUT', 'MLS_REDIS_UNREACHABLE'].includes((outcome.reason as { code: string }).code),
      );
    }
    process.kill(other.pid, 'SIGCONT');
    let answer: unknown;
    for (let attempt = 0; attempt < 50 && answer === undefined; attempt++)
      answer = await ping().catch(() => undefined);

    assert.equal(String(answer), 'PONG');
    await connection.close();
    await other.stop();
  });

  test('reads its password from a file, and says what is wrong with it without showing it', async () => {
    const other = await startRedis(['--requirepass', 'right-secret']);
    const passwordFile = join(folder, 'password');
    writeFileSync(passwordFile, 'wrong-secret\n');
    const connection = createRedisConnection({ url: other.url, passwordFile });
    const ping = () => connection.run((commands) => commands.ping());
    const refusal = await ping().then(
      () => undefined,
      (error: unknown) => error as { code: string; message: string },
    );
    assert.equal(refusal?.code, 'MLS_REDIS_UNAUTHORISED');
    assert.doesNotMatch(refusal?.message ?? '', /secret/);
    writeFileSync(passwordFile, 'right-secret\n');

    assert.equal(String(await ping()), 'PONG');
    await connection.close();
    const missing = createRedisConnection({ url: other.url, passwordFile: join(folder, 'none') });
    await assert.rejects(
      missing.run((commands) => commands.ping()),
      { code: 'MLS_REDIS_CREDENTIALS' },
    );
    await other.stop();
  });

  test('speaks TLS with a server whose certificate it can verify, and with no other', async () => {
    const path = (name: string): string => join(folder, name);
    const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
    const subject = '-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1';
    const request = `req -x509 -newkey rsa:2048 -nodes -days 2 ${subject}`;
    openssl(...request.split(' '), '-keyout', path('key.pem'), '-out', path('cert.pem'));
    const [port = 0] = await freePorts(1);
    const tls = ['--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-cert-file', path('cert.pem')];
    const other = await startRedis([...tls, '--tls-key-file', path('key.pem')]);
    const url = `rediss://127.0.0.1:${port}`;
    const trusting = createRedisConnection({ url, caFile: path('cert.pem') });
    const wary = createRedisConnection({ url });

    assert.equal(String(await trusting.run((commands) => commands.ping())), 'PONG');
    await assert.rejects(
      wary.run((commands) => commands.ping()),
      { code: 'MLS_REDIS_UNREACHABLE', message: /self-signed/ },
    );
    await trusting.close();
    await other.stop();
  });

  test('keeps the connection after a refusal, and names it', async () => {
    const connection = createRedisConnection({ url: redis.url });
    await connection.run((commands) => commands.set('text', 'x'));
    await assert.rejects(
      connection.run((commands) => commands.hGet('text', 'field')),
      { code: 'MLS_REDIS_REFUSED', message: /WRONGTYPE/ },
    );

    assert.equal(String(await connection.run((commands) => commands.ping())), 'PONG');
    await connection.close();
  });

  test('refuses an address that is none', () => {
    for (const url of ['localhost:6379', 'http://127.0.0.1', '']) {
      assert.throws(() => createRedisConnection({ url }), { code: 'MLS_REDIS_ADDRESS' });
    }
  });
});
