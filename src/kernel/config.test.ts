import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { parseConfig } from './config.ts';
import { editDistance, nearestName } from './nearest-name.ts';

const Schema = z.strictObject({
  port: z.number().int().default(8080),
  tls: z.strictObject({ certificateFile: z.string() }).optional(),
  targets: z.array(z.strictObject({ address: z.string() })).default([]),
});

function parse(text: string): unknown {
  return parseConfig(text, Schema, ({ problem, hint }) => new Error(`${problem}; ${hint}`));
}

test('defaults fill what is not said, also in an empty file', () => {
  assert.deepEqual(parse(''), { port: 8080, targets: [] });
  assert.deepEqual(parse('targets: [{address: a}]'), { port: 8080, targets: [{ address: 'a' }] });
});

test('an unknown key is named with its path and the nearest known one, also behind an optional or in a list', () => {
  assert.throws(() => parse('prot: 1'), /unknown key prot; did you mean port\?/);
  assert.throws(
    () => parse('tls: {certificatFile: x, certificateFile: y}'),
    /tls\.certificatFile.*certificateFile\?/,
  );
  assert.throws(() => parse('targets: [{address: a, adress: b}]'), /targets\.0\.adress.*address\?/);
});

test('a wrong value and broken YAML say where', () => {
  assert.throws(() => parse('port: many'), /port: .*; fix this key/);
  assert.throws(() => parse('port: [1'), /is not YAML/);
  assert.throws(() => parse('just text'), /file: /);
});

test('the nearest name is the one with the fewest changes', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(nearestName('stok', ['random', 'stock', 'best-fit']), 'stock');
  assert.equal(nearestName('x', []), '');
});
