import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from './log.ts';

test('a line is one JSON document with level, time, service and fields, and carries no secret', () => {
  const lines: string[] = [];
  const log = createLog({ service: 'collector', write: (line) => void lines.push(line) });

  log
    .child({ source: 'prometheus' })
    .warning('half of the nodes are missing', { token: 'x', http: { token: 'y' } });
  log.success('collected', { samples: 3 });

  const [warning, success] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(warning?.['level'], 'WARNING');
  assert.equal(warning?.['service'], 'collector');
  assert.equal(warning?.['source'], 'prometheus');
  assert.equal(warning?.['message'], 'half of the nodes are missing');
  assert.ok(!JSON.stringify(warning).includes('"x"') && !JSON.stringify(warning).includes('"y"'));
  assert.equal(success?.['level'], 'SUCCESS');
  assert.equal(success?.['samples'], 3);
  assert.ok(!Number.isNaN(Date.parse(String(success?.['time']))));
});
