import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePorts, startProcess, waitUntilReady } from './processes.ts';

/** A real MLflow server on loopback. */
export interface LocalMlflow {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a server with an SQLite store and its own artefact proxy in a folder; about 10 s. */
export async function startMlflow(python: string, folder: string): Promise<LocalMlflow> {
  mkdirSync(folder, { recursive: true });
  const [port = 0] = await freePorts(1);
  const log = join(folder, 'mlflow.log');
  const server = startProcess(
    'mlflow',
    [
      join(dirname(python), 'mlflow'),
      'server',
      '--host=127.0.0.1',
      `--port=${port}`,
      `--backend-store-uri=sqlite:///${join(folder, 'mlflow.db')}`,
      `--artifacts-destination=${join(folder, 'artifacts')}`,
      '--serve-artifacts',
      '--workers=1',
    ],
    log,
    { isGroup: true },
  );
  const url = `http://127.0.0.1:${port}`;
  await waitUntilReady(server, log, async () => (await fetch(`${url}/health`)).ok, 120_000);
  return { url, stop: () => server.stop() };
}
