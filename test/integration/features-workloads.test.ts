import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { ROOT } from '../cli/run-cli.ts';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { writeHistory } from '../harness/load-history.ts';
import { startProcess, type ServerProcess } from '../harness/processes.ts';
import { redisMissing, startRedis, type LocalRedis } from '../harness/redis.ts';

describe(
  'workload features from a real API server',
  { skip: controlPlaneMissing() || redisMissing() },
  () => {
    let folder: string;
    let cluster: ControlPlane;
    let redis: LocalRedis;
    let service: ServerProcess | undefined;

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'mlsched-features-workloads-'));
      [cluster, redis] = await Promise.all([startControlPlane(), startRedis()]);
    });
    after(async () => {
      await service?.stop();
      await redis?.stop();
      await cluster?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    test('are stored by the service under namespace, kind and name of the owner', async () => {
      const pod = (name: string) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name,
          ownerReferences: [
            { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'u-1', controller: true },
          ],
        },
        spec: {
          containers: [
            { name: 'main', image: 'none', resources: { requests: { cpu: '300m', memory: '64Mi' } } },
          ],
        },
      });
      for (const name of ['db-0', 'db-1'])
        await cluster.call('POST', '/api/v1/namespaces/default/pods', pod(name));
      const data = join(folder, 'data');
      const endMs = Math.floor(Date.now() / 30_000) * 30_000;
      const raw = {
        machine: 'n1',
        timesMs: Float64Array.from({ length: 20 }, (_, i) => endMs - (20 - i) * 30_000),
        cpuUsageRatio: new Float32Array(20).fill(0.5),
        memoryUsageRatio: new Float32Array(20).fill(0.5),
      };
      await writeHistory(data, [raw]);
      const log = join(folder, 'serve.log');
      const kubeconfig = join(cluster.folder, 'admin.kubeconfig');
      const options = ['--data', data, '--redis', redis.url, '--port', '0', '--interval-seconds', '1'];
      const command = ['features', 'serve', ...options, '--kubernetes', '--kubeconfig', kubeconfig];
      service = startProcess('features serve', [join(ROOT, 'bin/mlsched'), ...command], log);
      let row: { features: Record<string, number | null> } | undefined;
      for (let i = 0; i < 300 && row === undefined; i++) {
        await sleep(200);
        const port = /"port":(\d+)/.exec(readFileSync(log, 'utf8'))?.[1];
        const path = `http://127.0.0.1:${port}/v1/features/workload_state/default/StatefulSet/db`;
        const answer = port === undefined ? undefined : await fetch(path);
        if (answer?.ok === true) row = (await answer.json()) as typeof row;
      }

      assert.ok(row, readFileSync(log, 'utf8').slice(-2000));
      assert.equal(row.features['pods'], 2);
      assert.equal(row.features['cpu_request_millicores'], 300);
      assert.equal(row.features['memory_request_mib'], 64);
      assert.equal(row.features['is_stateful_set'], 1);
      assert.equal(row.features['cpu_use_mean'], null);
    });
  },
);
