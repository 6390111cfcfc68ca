import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MlschedError } from '#kernel/errors';
import { createLog, silentLog } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { createHttpServer, listen } from './index.ts';

function createApp(unreadyReason?: () => string | undefined, lines: string[] = []) {
  return createHttpServer({
    log: createLog({ service: 'test', write: (line) => void lines.push(line) }),
    registry: createMetricRegistry('test'),
    bodyLimitBytes: 100,
    ...(unreadyReason === undefined ? {} : { unreadyReason }),
  });
}

test('live always, ready with the reason when it is not', async () => {
  const app = createApp(() => 'no model is loaded');
  assert.equal((await app.inject('/livez')).statusCode, 200);
  const ready = await app.inject('/readyz');
  assert.equal(ready.statusCode, 503);
  assert.match(ready.body, /no model is loaded/);
});

test('our errors keep code and hint, others tell the caller nothing and the log all', async () => {
  const lines: string[] = [];
  const app = createApp(undefined, lines);
  app.get('/ours', () => {
    throw new MlschedError('MLS_X_Y', 'no such pod', { kind: 'not-found', hint: 'check the name' });
  });
  app.get('/theirs', () => {
    throw new Error('inner secret');
  });
  const ours = await app.inject('/ours');
  assert.equal(ours.statusCode, 404);
  assert.deepEqual(ours.json(), {
    error: { code: 'MLS_X_Y', message: 'no such pod', hint: 'check the name' },
  });
  const theirs = await app.inject('/theirs');
  assert.equal(theirs.statusCode, 500);
  assert.ok(!theirs.body.includes('inner secret'));
  assert.ok(lines.join('').includes('inner secret'));
  assert.equal((await app.inject('/nowhere')).json().error.code, 'MLS_HTTP_NO_ROUTE');
});

test('a body over the limit is refused, and each answer counts under the pattern of its route', async () => {
  const app = createApp();
  app.post('/items/:id', () => ({}));
  const large = await app.inject({ method: 'POST', url: '/items/7', payload: { text: 'x'.repeat(200) } });
  assert.equal(large.statusCode, 413);
  const metrics = (await app.inject('/metrics')).body;
  assert.match(metrics, /route="\/items\/:id",status="413"/);
  assert.ok(!metrics.includes('/items/7'));
});

test('a port that is taken is a clear error', async (t) => {
  const first = createApp();
  t.after(() => first.close());
  const port = await listen(first, '127.0.0.1', 0);
  const second = createHttpServer({ log: silentLog, registry: createMetricRegistry('test') });
  t.after(() => second.close());
  await assert.rejects(listen(second, '127.0.0.1', port), { code: 'MLS_HTTP_LISTEN' });
});
