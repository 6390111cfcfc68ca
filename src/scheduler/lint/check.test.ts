import assert from 'node:assert/strict';
import { test } from 'node:test';

import { checkConfig } from './check.ts';

const GOOD = `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles: [{ schedulerName: mlsched }]
extenders:
  - urlPrefix: https://mlsched.mlsched.svc:8480/extender
    prioritizeVerb: prioritize
    weight: 5
    enableHTTPS: true
    tlsConfig: { caFile: ca.pem, certFile: cert.pem, keyFile: key.pem }
    httpTimeout: 200ms
    nodeCacheCapable: true
    ignorable: true
`;

function rulesOf(text: string): string[] {
  return checkConfig(text, 'file').flatMap(({ findings }) => findings.map(({ rule }) => rule));
}

test('a sound configuration has no finding', () => {
  assert.deepEqual(rulesOf(GOOD), []);
});

test('each way to go wrong is found by its rule', () => {
  const cases: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
    'no-tls': [
      ['https://mlsched.mlsched.svc:8480', 'http://mlsched.mlsched.svc:8480'],
      ['enableHTTPS: true', 'enableHTTPS: false'],
    ],
    'no-ca': [['caFile: ca.pem, ', '']],
    'insecure-tls': [['caFile: ca.pem', 'caFile: ca.pem, insecure: true']],
    'no-client-certificate': [['certFile: cert.pem, ', '']],
    'not-ignorable': [['    ignorable: true\n', '']],
    'whole-nodes': [['    nodeCacheCapable: true\n', '']],
    filter: [['prioritizeVerb: prioritize', 'prioritizeVerb: prioritize\n    filterVerb: filter']],
    bind: [['prioritizeVerb: prioritize', 'prioritizeVerb: prioritize\n    bindVerb: bind']],
    preempt: [['prioritizeVerb: prioritize', 'prioritizeVerb: prioritize\n    preemptVerb: preempt']],
    timeout: [['    httpTimeout: 200ms\n', '']],
    weight: [['weight: 5', 'weight: 0']],
    'weight-drowns': [['weight: 5', 'weight: 40']],
    'weight-drowned': [['weight: 5', 'weight: 1']],
    'shared-extender': [['[{ schedulerName: mlsched }]', '[{ schedulerName: mlsched }, {}]']],
  };
  for (const [rule, changes] of Object.entries(cases)) {
    let text = GOOD;
    for (const [from, to] of changes) {
      assert.ok(text.includes(from), `${rule}: ${from}`);
      text = text.replace(from, to);
    }
    assert.ok(rulesOf(text).includes(rule), `${rule} in ${rulesOf(text).join()}`);
  }
  assert.deepEqual(rulesOf(GOOD.replace('200ms', '2m')), ['timeout']);
  assert.deepEqual(rulesOf(GOOD.replace('200ms', 'soon')), ['timeout']);
  assert.deepEqual(rulesOf(GOOD.replace('https://mlsched.mlsched.svc:8480', 'http://127.0.0.1:8480')), []);
});

test('the plugin is checked by its arguments', () => {
  const profile = (args: string, weight = 5) => `
kind: KubeSchedulerConfiguration
profiles:
  - schedulerName: mlsched
    plugins: { multiPoint: { enabled: [{ name: Mlsched, weight: ${weight} }] } }
    pluginConfig: [{ name: Mlsched, args: ${args} }]
`;
  const tls = 'tls: { caFile: a, certFile: b, keyFile: c }';
  assert.deepEqual(rulesOf(profile(`{ urls: ["https://s:1"], timeoutMs: 200, ${tls} }`)), []);
  assert.deepEqual(rulesOf(profile('{ urls: ["http://s:1"], timeoutMs: 2000 }')), ['no-tls', 'timeout']);
  assert.deepEqual(rulesOf(profile(`{ urls: ["https://s:1"], ${tls} }`, 50)), ['weight-drowns']);
  const bare =
    'kind: KubeSchedulerConfiguration\nprofiles: [{ plugins: { score: { enabled: [{ name: Mlsched }] } } }]';
  assert.deepEqual(rulesOf(bare), ['weight-drowned', 'no-args']);
});

test('a configuration inside a ConfigMap is found, and our own is checked too', () => {
  const inner = GOOD.replace('weight: 5', 'weight: 40').trim().replace(/^/gm, '    ');
  assert.deepEqual(rulesOf(`kind: ConfigMap\ndata:\n  scheduler.yaml: |\n${inner}\n`), ['weight-drowns']);
  assert.deepEqual(rulesOf('listen: { host: 0.0.0.0 }\n'), ['no-tls', 'pushed-load', 'no-cluster']);
  assert.deepEqual(
    rulesOf(
      'cluster: { source: kubernetes }\nload: { source: prometheus, prometheusUrl: "http://p:9090" }\n',
    ),
    [],
  );
  assert.throws(() => checkConfig('lissen: 1\n', 'file'), {
    code: 'MLS_SCHEDULER_CONFIG',
    message: /lissen/,
  });
  assert.throws(() => checkConfig('a: [', 'file'), { code: 'MLS_SCHEDULER_CONFIG' });
});
