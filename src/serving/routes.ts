import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { LATENCY_BUCKETS_SECONDS } from '#kernel/metrics';
import type { HttpServer } from '#platform/http-server';
import { requestInvalid } from './errors.ts';
import type { ServedModel } from './model.ts';
import type { LoadedModel, ModelRepository } from './repository.ts';
import { decodeRequest, encodeAnswer } from './tensor-codec.ts';
import type { InferRequest } from './tensor-codec.ts';
import { checkShape } from './tensor.ts';
import type { Tensor } from './tensor.ts';

export interface RoutesOptions {
  readonly repository: ModelRepository;
  readonly registry: Registry;
  readonly serverVersion: string;
}

interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

const JSON_LENGTH_HEADER = 'inference-header-content-length';

/** Adds the paths of the Open Inference Protocol, v2 and v1. */
export function addInferenceRoutes(app: HttpServer, options: RoutesOptions): void {
  // Bodies are read by us: binary tensors follow the JSON in the same body, and JSON goes straight into typed arrays.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const infer = createInfer(options);
  addHealth(app, options.repository);
  addV2(app, options, infer);
  addV1(app, options.repository, infer);
}

/** The bodies matter: clients read `live` and `ready` from them. */
function addHealth(app: HttpServer, repository: ModelRepository): void {
  const areAllReady = (): boolean => repository.names.every((name) => repository.isReady(name));
  app.get('/', () => ({ status: 'alive' }));
  app.get('/v2/health/live', () => ({ live: true }));
  app.get('/v2/health/ready', (_request, reply) => {
    const ready = areAllReady();
    return reply.code(ready ? 200 : 503).send({ ready });
  });
}

function addV2(app: HttpServer, options: RoutesOptions, infer: Infer): void {
  const { repository } = options;
  app.get('/v2', () => ({
    name: 'mlsched',
    version: options.serverVersion,
    extensions: ['binary_tensor_data', 'model_repository'],
  }));
  app.get('/v2/models', () => ({ models: repository.names }));
  app.post('/v2/repository/index', () =>
    repository.names.map((name) =>
      repository.isReady(name)
        ? { name, version: repository.find(name).version, state: 'READY' }
        : { name, state: 'UNAVAILABLE' },
    ),
  );
  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    app.get<{ Params: ModelParams }>(path, ({ params }) =>
      metadata(repository.find(params.model, params.version)),
    );
    app.get<{ Params: ModelParams }>(`${path}/ready`, ({ params }) => ({
      name: repository.find(params.model, params.version).name,
      ready: true,
    }));
    app.post<{ Params: ModelParams; Body: Buffer }>(`${path}/infer`, async (request, reply) => {
      const { params, body, headers } = request;
      const found = repository.find(params.model, params.version);
      const wanted = decodeRequest(bodyOf(body), jsonLength(headers[JSON_LENGTH_HEADER]));
      const outputs = await infer(found, wanted);
      const answer = encodeAnswer({ model: found.name, version: found.version, outputs }, wanted);
      if (answer.jsonLength !== undefined) reply.header(JSON_LENGTH_HEADER, String(answer.jsonLength));
      reply.type(answer.jsonLength === undefined ? 'application/json' : 'application/octet-stream');
      return reply.send(answer.body);
    });
  }
}

function bodyOf(body: unknown): Buffer {
  if (!Buffer.isBuffer(body)) throw requestInvalid('it has no body');
  return body;
}

function jsonLength(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const length = Number(header);
  if (!Number.isInteger(length) || length < 0) throw requestInvalid(`${JSON_LENGTH_HEADER} is no length`);
  return length;
}

function metadata({ name, version, model }: LoadedModel): object {
  const { platform, inputs, outputs } = model;
  return { name, versions: [version], platform, inputs, outputs };
}

const Instances = z.object({ instances: z.array(z.unknown()).min(1).max(100_000) });

function addV1(app: HttpServer, repository: ModelRepository, infer: Infer): void {
  app.get('/v1/models', () => ({ models: repository.names }));
  app.get<{ Params: ModelParams }>('/v1/models/:model', ({ params }) => ({
    name: repository.find(params.model).name,
    ready: true,
  }));
  app.post<{ Params: ModelParams; Body: Buffer }>(
    '/v1/models/:model(^[^:]+$)::predict',
    async ({ params, body }) => {
      const found = repository.find(params.model);
      const { fromInstances } = found.model;
      if (fromInstances === undefined)
        throw requestInvalid(`model ${found.name} takes several tensors: use /v2/models/${found.name}/infer`);
      const inputs = fromInstances(parseInstances(bodyOf(body)));
      const outputs = await infer(found, { inputs, parameters: {}, outputs: undefined });
      return { predictions: toRows(outputs) };
    },
  );
}

function parseInstances(body: Buffer): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw requestInvalid('it is not JSON');
  }
  const checked = Instances.safeParse(value);
  if (!checked.success) throw requestInvalid(checked.error.issues[0]?.message ?? 'no instances');
  return checked.data.instances;
}

/** One output: its rows. Several: an object a row. */
function toRows(outputs: readonly Tensor[]): unknown[] {
  const rows = outputs[0]?.shape[0] ?? 0;
  const valueOf = (tensor: Tensor, row: number): unknown => {
    const width = tensor.shape.slice(1).reduce((product, size) => product * size, 1);
    const values = Array.from(
      tensor.data.slice(row * width, (row + 1) * width) as ArrayLike<number | string>,
    );
    return tensor.shape.length === 1 ? values[0] : values;
  };
  return Array.from({ length: rows }, (_, row) =>
    outputs.length === 1
      ? valueOf(outputs[0] as Tensor, row)
      : Object.fromEntries(outputs.map((tensor) => [tensor.name, valueOf(tensor, row)])),
  );
}

type Infer = (
  found: LoadedModel,
  request: Pick<InferRequest, 'inputs' | 'parameters' | 'outputs'>,
) => Promise<Tensor[]>;

function createInfer({ repository, registry }: RoutesOptions): Infer {
  const duration = new Histogram({
    name: 'mlsched_serving_inference_duration_seconds',
    help: 'Time in the model and in the queue before it, by model.',
    labelNames: ['model'],
    buckets: LATENCY_BUCKETS_SECONDS,
    registers: [registry],
  });
  const failures = new Counter({
    name: 'mlsched_serving_inference_failures_total',
    help: 'Inference requests that ended with an error, by model.',
    labelNames: ['model'],
    registers: [registry],
  });
  return async (found, request) => {
    const end = duration.startTimer({ model: found.name });
    try {
      const inputs = arrange(found.model, request.inputs);
      const outputs = await repository.use(found, () => found.batcher.infer(inputs, request.parameters));
      return select(outputs, request.outputs);
    } catch (error) {
      failures.inc({ model: found.name });
      throw error;
    } finally {
      end();
    }
  };
}

/** Puts the inputs into the order of the model and checks each. */
function arrange(model: ServedModel, inputs: readonly Tensor[]): Tensor[] {
  const unknown = inputs.find(({ name }) => !model.inputs.some((spec) => spec.name === name));
  if (unknown !== undefined) throw requestInvalid(`the model has no input ${unknown.name}`);
  const arranged = model.inputs.map((spec) => {
    const input = inputs.find(({ name }) => name === spec.name);
    if (input === undefined) throw requestInvalid(`input ${spec.name} is missing`);
    checkShape(input, spec);
    return input;
  });
  const rows = arranged[0]?.shape[0];
  const odd = arranged.find(({ shape }) => shape[0] !== rows);
  if (odd !== undefined)
    throw requestInvalid(`input ${odd.name} has ${odd.shape[0]} rows, ${rows} are wanted`);
  return arranged;
}

function select(outputs: readonly Tensor[], names: readonly string[] | undefined): Tensor[] {
  if (names === undefined) return [...outputs];
  return names.map((name) => {
    const found = outputs.find((output) => output.name === name);
    if (found === undefined) throw requestInvalid(`the model has no output ${name}`);
    return found;
  });
}
