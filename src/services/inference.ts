import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ModelArtefact, ModelName } from '#domain';
import type { Log } from '#kernel/log';
import { createMetricRegistry } from '#kernel/metrics';
import { listen } from '#platform/http-server';
import { sha256 } from '#platform/files';
import type { ModelRegistry } from '#registry';
import { createInferenceServer, serveAnomaly, serveBooster, serveForecast, servePlacement } from '#serving';
import type { InferenceServer, ModelSource, ServedModel } from '#serving';
import { loadOrStarter } from './models.ts';

export interface StartInferenceOptions {
  readonly registry: ModelRegistry;
  /** Alias or version to serve. */
  readonly reference: string;
  readonly models: readonly ModelName[];
  /** XGBoost files to serve beside them, each under its file name without the ending. */
  readonly boosterFiles: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  readonly version: string;
  readonly refreshSeconds: number;
}

/** Starts the inference server. */
export async function startInference(
  options: StartInferenceOptions,
): Promise<{ readonly server: InferenceServer; readonly port: number }> {
  const server = await createInferenceServer({
    sources: [
      ...options.models.map((model) => registrySource(model, options)),
      ...options.boosterFiles.map(fileSource),
    ],
    log: options.log,
    registry: createMetricRegistry('inference'),
    serverVersion: options.version,
    refreshSeconds: options.refreshSeconds,
  });
  return { server, port: await listen(server.app, options.host, options.port) };
}

const ADAPTERS: Readonly<Record<ModelName, (artefact: ModelArtefact) => ServedModel | Promise<ServedModel>>> =
  {
    'load-forecast': serveForecast,
    placement: servePlacement,
    'node-anomaly': serveAnomaly,
  };

/** A model of the registry; the one that comes with the product until the first was trained. */
function registrySource(name: ModelName, { registry, reference, log }: StartInferenceOptions): ModelSource {
  const reporter = { note: (line: string) => log.warning(line) };
  const find = async (wanted: string) => loadOrStarter(registry, name, wanted, reporter);
  return {
    name,
    async currentVersion() {
      const aliases = await registry.aliases(name);
      const version = aliases[reference];
      if (version !== undefined) return String(version);
      return /^\d+$/.test(reference) ? reference : STARTER_VERSION;
    },
    load: async (version) => ADAPTERS[name](await find(version === STARTER_VERSION ? reference : version)),
  };
}

/** Version under which the model that comes with the product answers. */
const STARTER_VERSION = 'starter';

/** A file whose content is its version: a replaced file is loaded anew. */
function fileSource(path: string): ModelSource {
  return {
    name: basename(path).replace(/\.[^.]+$/, ''),
    currentVersion: async () => sha256(await readFile(path)).slice(0, 12),
    load: async () => serveBooster(await readFile(path)),
  };
}
