import { overloaded } from './errors.ts';
import type { ServedModel } from './model.ts';
import type { NumberArray, Tensor } from './tensor.ts';

interface Waiting {
  readonly inputs: readonly Tensor[];
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Requests with another key are another call. */
  readonly key: string;
  readonly rows: number;
  resolve(outputs: readonly Tensor[]): void;
  reject(error: unknown): void;
}

export interface BatcherOptions {
  /** Rows of one call at most; a request with more is a call of its own. Default 1024. */
  readonly rowLimit?: number;
  /** Requests that wait at most; more are refused. Default 1024. */
  readonly waitingLimit?: number;
  /** Told the number of requests in each call. */
  readonly onBatch?: (requests: number, rows: number) => void;
}

/** Answers the requests for one model; those that came in the same turn of the event loop share a call. */
export interface Batcher {
  infer(inputs: readonly Tensor[], parameters: Readonly<Record<string, unknown>>): Promise<readonly Tensor[]>;
}

const DEFAULT_ROW_LIMIT = 1024;
const DEFAULT_WAITING_LIMIT = 1024;

/**
 * @remarks Nothing waits for company: a batch is what has already arrived. On a quiet server each request is answered at
 *   once; on a busy one the fixed cost of a call is shared.
 */
export function createBatcher(model: ServedModel, options: BatcherOptions = {}): Batcher {
  const rowLimit = options.rowLimit ?? DEFAULT_ROW_LIMIT;
  const waitingLimit = options.waitingLimit ?? DEFAULT_WAITING_LIMIT;
  let waiting: Waiting[] = [];
  const flush = (): void => {
    const taken = waiting;
    waiting = [];
    for (const batch of groupRequests(taken, rowLimit, model.isBatchable)) {
      options.onBatch?.(
        batch.length,
        batch.reduce((sum, { rows }) => sum + rows, 0),
      );
      void answer(model, batch);
    }
  };
  return {
    infer(inputs, parameters) {
      if (waiting.length >= waitingLimit) return Promise.reject(overloaded(waiting.length));
      return new Promise((resolve, reject) => {
        const rows = inputs[0]?.shape[0] ?? 1;
        const key = `${JSON.stringify(parameters)} ${inputs.map(({ datatype }) => datatype).join(' ')}`;
        waiting.push({ inputs, parameters, key, rows, resolve, reject });
        if (waiting.length === 1) setImmediate(flush);
      });
    },
  };
}

function groupRequests(requests: readonly Waiting[], rowLimit: number, isBatchable: boolean): Waiting[][] {
  const batches: Waiting[][] = [];
  const open = new Map<string, { batch: Waiting[]; rows: number }>();
  for (const request of requests) {
    const group = isBatchable ? open.get(request.key) : undefined;
    if (group !== undefined && group.rows + request.rows <= rowLimit) {
      group.batch.push(request);
      group.rows += request.rows;
      continue;
    }
    const batch = [request];
    batches.push(batch);
    open.set(request.key, { batch, rows: request.rows });
  }
  return batches;
}

async function answer(model: ServedModel, batch: readonly Waiting[]): Promise<void> {
  const [first] = batch;
  if (first === undefined) return;
  try {
    if (batch.length === 1) {
      first.resolve(await model.infer(first.inputs, first.parameters));
      return;
    }
    const joined = first.inputs.map((input, at) => join(input, batch, at));
    const outputs = await model.infer(joined, first.parameters);
    let row = 0;
    for (const request of batch) {
      request.resolve(outputs.map((output) => rowsOf(output, row, request.rows)));
      row += request.rows;
    }
  } catch (error) {
    await answerAlone(model, batch, error);
  }
}

/** One request of a batch is at fault: the others must not suffer for it. */
async function answerAlone(model: ServedModel, batch: readonly Waiting[], error: unknown): Promise<void> {
  if (batch.length === 1) {
    batch[0]?.reject(error);
    return;
  }
  for (const request of batch) await answer(model, [request]);
}

function join(first: Tensor, batch: readonly Waiting[], at: number): Tensor {
  const parts = batch.map(({ inputs }) => (inputs[at] as Tensor).data);
  const shape = [batch.reduce((sum, { rows }) => sum + rows, 0), ...first.shape.slice(1)];
  if (Array.isArray(first.data)) return { ...first, shape, data: (parts as string[][]).flat() };
  return { ...first, shape, data: joinNumbers(parts as NumberArray[]) };
}

function joinNumbers(parts: readonly NumberArray[]): NumberArray {
  const Kind = (parts[0] as NumberArray).constructor as new (length: number) => NumberArray;
  const joined = new Kind(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    // All parts have the type of the first: the key of a batch names the data types.
    (joined as Float32Array).set(part as Float32Array, at);
    at += part.length;
  }
  return joined;
}

function rowsOf(tensor: Tensor, from: number, rows: number): Tensor {
  const width = tensor.shape.slice(1).reduce((product, size) => product * size, 1);
  const data = tensor.data.slice(from * width, (from + rows) * width);
  return { ...tensor, shape: [rows, ...tensor.shape.slice(1)], data };
}
