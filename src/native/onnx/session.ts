import type { InferenceSession, Tensor } from 'onnxruntime-node';

import { handleFreed, onnxFailed } from '../errors.ts';

/** Numbers with a shape, row-major. Results of a run may be fed to the next run as they are. */
export type OnnxTensor =
  | { readonly type: 'float32'; readonly data: Float32Array; readonly dims: readonly number[] }
  | { readonly type: 'int64'; readonly data: BigInt64Array; readonly dims: readonly number[] };

/** A loaded ONNX model. */
export interface OnnxSession extends AsyncDisposable {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs the model once.
   *
   * @param outputs - Which outputs to return; all when left out.
   * @throws MlschedError `MLS_NATIVE_ONNX_FAILED` for a missing input or a wrong type or shape.
   * @remarks The work happens on the calling thread: keep training off the main thread.
   */
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    outputs?: readonly string[],
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  /** Gives the memory back; throws `MLS_NATIVE_FREED` the second time. */
  release(): Promise<void>;
}

export interface CreateSessionOptions {
  /** More than 1 spins on busy cores and made training 4 times slower there. @defaultValue 1 */
  readonly threads?: number;
}

/** A float32 tensor over the caller's array, which is not copied until the run. */
export function floatTensor(data: Float32Array, dims: readonly number[]): OnnxTensor {
  return { type: 'float32', data, dims };
}

/** An int64 tensor over the caller's array. */
export function integerTensor(data: BigInt64Array, dims: readonly number[]): OnnxTensor {
  return { type: 'int64', data, dims };
}

type Runtime = typeof import('onnxruntime-node');

/**
 * Loads an ONNX model into ONNX Runtime, CPU, one thread.
 *
 * @throws MlschedError `MLS_NATIVE_ONNX_FAILED` when the bytes are no valid model.
 */
export async function createSession(
  bytes: Uint8Array,
  options: CreateSessionOptions = {},
): Promise<OnnxSession> {
  // Loaded on first use: the runtime is 46 MB and most commands need none of it.
  const runtime = await import('onnxruntime-node');
  const session = await loadModel(runtime, bytes, options);
  let live = true;
  const release = async (): Promise<void> => {
    if (!live) throw handleFreed('ONNX session', 'release');
    live = false;
    await session.release();
  };
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(feeds, outputs) {
      if (!live) throw handleFreed('ONNX session', 'run');
      return runModel(runtime, session, feeds, outputs);
    },
    release,
    async [Symbol.asyncDispose]() {
      if (live) await release();
    },
  };
}

async function loadModel(
  runtime: Runtime,
  bytes: Uint8Array,
  options: CreateSessionOptions,
): Promise<InferenceSession> {
  try {
    return await runtime.InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: options.threads ?? 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw onnxFailed('load the model', error);
  }
}

async function runModel(
  runtime: Runtime,
  session: InferenceSession,
  feeds: Readonly<Record<string, OnnxTensor>>,
  outputs: readonly string[] | undefined,
): Promise<Readonly<Record<string, OnnxTensor>>> {
  try {
    const tensors: Record<string, Tensor> = {};
    for (const [name, tensor] of Object.entries(feeds)) tensors[name] = toTensor(runtime, tensor);
    const results = await session.run(tensors, outputs ?? session.outputNames);
    return results as unknown as Record<string, OnnxTensor>;
  } catch (error) {
    throw onnxFailed('run the model', error);
  }
}

function toTensor(runtime: Runtime, tensor: OnnxTensor): Tensor {
  if (tensor instanceof runtime.Tensor) return tensor;
  return tensor.type === 'float32'
    ? new runtime.Tensor('float32', tensor.data, tensor.dims)
    : new runtime.Tensor('int64', tensor.data, tensor.dims);
}
