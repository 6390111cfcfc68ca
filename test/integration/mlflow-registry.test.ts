import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createMlflowClient, type MlflowClient } from '../../src/platform/mlflow/index.ts';
import { describeRegistryContract, sampleArtefact } from '../../src/registry/contract.ts';
import { loadModelFolder, openMlflowRegistry, openMlflowTracker } from '../../src/registry/index.ts';
import { startMlflow, type LocalMlflow } from '../harness/mlflow.ts';
import { findPython } from '../harness/python.ts';

const found = findPython('mlflow');
const STARTER = join(resolve(import.meta.dirname, '../..'), 'data/starter-models/load-forecast');

describe('models and runs in a real MLflow', { skip: 'missing' in found ? found.missing : false }, () => {
  const python = 'python' in found ? found.python : '';
  const folder = mkdtempSync(join(tmpdir(), 'mlsched-mlflow-'));
  let server: LocalMlflow;
  let client: MlflowClient;

  before(async () => {
    server = await startMlflow(python, folder);
    client = createMlflowClient({ baseUrl: server.url });
  });
  after(async () => {
    await client.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const openFresh = () => {
    const prefix = `${randomUUID().slice(0, 8)}-`;
    return {
      registry: openMlflowRegistry({ client, prefix }),
      tracker: openMlflowTracker({ client, prefix }),
    };
  };

  describeRegistryContract('MLflow', () =>
    Promise.resolve({ ...openFresh(), close: () => Promise.resolve() }),
  );

  test('a file that was changed in the store is noticed, and so is a changed manifest', async () => {
    const { registry } = openFresh();
    const { version } = await registry.register(sampleArtefact(1));
    const [, source] = /runs:\/([0-9a-f]+)/.exec(await sourceOf(registry, version)) ?? [];
    const run = await client.getRun(source ?? '');

    await client.putArtifact(run, 'model/model.ubj', new Uint8Array(3));
    await assert.rejects(registry.load('load-forecast', version), { code: 'MLS_TRAINING_MODEL_CORRUPT' });
    await client.putArtifact(run, 'model/manifest.json', new TextEncoder().encode('{}'));
    await assert.rejects(registry.describe('load-forecast', version), { code: 'MLS_TRAINING_MODEL_CORRUPT' });
  });

  /** The error of a corrupt file names its source. */
  async function sourceOf(registry: ReturnType<typeof openMlflowRegistry>, version: number): Promise<string> {
    assert.equal((await registry.describe('load-forecast', version)).version, version);
    const experiment = (await client.findExperiment('mlsched-models')) ?? '';
    const runs = await client.searchRuns(experiment);
    return `runs:/${runs.at(-1)?.runId}`;
  }

  test("MLflow's own Python loads what we registered, by alias, and predicts the same", async () => {
    const { artefact } = await loadModelFolder(STARTER);
    const prefix = `${randomUUID().slice(0, 8)}-`;
    const registry = openMlflowRegistry({ client, prefix });
    const { version } = await registry.register(artefact, { metrics: { wape: 0.1 } });
    await registry.setAlias('load-forecast', 'champion', version);
    const script = `
import mlflow, numpy, sys, xgboost
mlflow.set_tracking_uri(sys.argv[1])
booster = mlflow.xgboost.load_model(f"models:/{sys.argv[2]}@champion")
direct = xgboost.Booster(model_file=sys.argv[3])
rows = xgboost.DMatrix(numpy.random.default_rng(1).random((50, direct.num_features()), dtype=numpy.float32), feature_names=direct.feature_names)
assert numpy.array_equal(booster.predict(rows), direct.predict(rows))
run = mlflow.get_run(mlflow.MlflowClient().get_model_version_by_alias(sys.argv[2], "champion").run_id)
print(booster.num_boosted_rounds(), run.data.metrics["wape"])
`;
    const first = [...artefact.files.keys()].filter((name) => name.endsWith('.ubj')).sort()[0] ?? '';
    const out = execFileSync(
      python,
      ['-c', script, server.url, `${prefix}load-forecast`, join(STARTER, first)],
      { encoding: 'utf8', env: { ...process.env, MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false' } },
    );
    const [rounds, wape] = out.trim().split(' ').map(Number);
    assert.ok((rounds ?? 0) > 0);
    assert.equal(wape, 0.1);
    assert.ok(readFileSync(join(STARTER, first)).length > 0);
  });

  test('a run with more metrics than one request takes is kept whole', async () => {
    const { tracker } = openFresh();
    const run = await tracker.startRun({ experiment: 'large', name: 'one' });
    const metrics = Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`metric-${i}`, i]));
    await run.logMetrics(metrics, 3);
    await run.logParameters(Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`parameter-${i}`, i])));
    await run.end('finished');

    const record = await client.getRun(run.runId);
    assert.equal(record.metricNames.length, 1200);
    assert.equal(record.parameters.length, 150);
  });

  test('a server that is gone is a typed error that names MLflow', async () => {
    const lost = openMlflowRegistry({
      client: createMlflowClient({ baseUrl: 'http://127.0.0.1:1', attempts: 1 }),
    });
    await assert.rejects(lost.load('placement', 'champion'), (error: Error & { code: string }) => {
      assert.equal(error.code, 'MLS_HTTP_UNREACHABLE');
      assert.match(error.message, /^MLflow at /);
      return true;
    });
  });
});
