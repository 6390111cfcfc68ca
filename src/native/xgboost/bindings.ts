import { createRequire } from 'node:module';
import type { LibraryHandle, TypeObject } from 'koffi';

import { xgboostFailed } from '../errors.ts';

/** Address of an object of the library. Never leaves this folder. */
export type Pointer = bigint | null;

/** Where a C function writes one value. */
type Out<T> = [T];

/** The functions of xgboost/c_api.h that we use, as koffi exposes them; each returns 0 when it succeeded. */
interface Functions {
  lastError(): string;
  version(major: Out<number>, minor: Out<number>, patch: Out<number>): void;
  proxyCreate(out: Out<Pointer>): number;
  proxySetDense(proxy: Pointer, array: string): number;
  denseCreate(array: string, config: string, out: Out<Pointer>): number;
  quantileCreate(
    iterator: null,
    proxy: Pointer,
    reference: Pointer,
    reset: bigint,
    next: bigint,
    config: string,
    out: Out<Pointer>,
  ): number;
  /** With its pages on disk. */
  externalCreate: Functions['quantileCreate'];
  matrixSetInfo(matrix: Pointer, field: string, array: string): number;
  matrixRows(matrix: Pointer, out: Out<number>): number;
  matrixFree(matrix: Pointer): number;
  boosterCreate(matrices: Pointer[], count: number, out: Out<Pointer>): number;
  boosterFree(booster: Pointer): number;
  boosterSetParameter(booster: Pointer, name: string, value: string): number;
  boosterUpdate(booster: Pointer, round: number, matrix: Pointer): number;
  boosterEvaluate(
    booster: Pointer,
    round: number,
    matrices: Pointer[],
    names: readonly string[],
    count: number,
    out: Out<string | null>,
  ): number;
  boosterRounds(booster: Pointer, out: Out<number>): number;
  boosterFeatures(booster: Pointer, out: Out<number>): number;
  boosterSlice(booster: Pointer, begin: number, end: number, step: number, out: Out<Pointer>): number;
  boosterSave(booster: Pointer, config: string, length: Out<number>, out: Out<Pointer>): number;
  boosterLoad(booster: Pointer, bytes: Uint8Array, length: number): number;
  boosterSetNames(booster: Pointer, field: string, names: readonly string[], count: number): number;
  boosterGetNames(booster: Pointer, field: string, count: Out<number>, out: Out<Pointer>): number;
  boosterFeatureScore(
    booster: Pointer,
    config: string,
    count: Out<number>,
    names: Out<Pointer>,
    dimensions: Out<number>,
    shape: Out<Pointer>,
    scores: Out<Pointer>,
  ): number;
  predictDense(
    booster: Pointer,
    array: string,
    config: string,
    proxy: Pointer,
    shape: Out<Pointer>,
    dimensions: Out<number>,
    result: Out<Pointer>,
  ): number;
  predictMatrix(
    booster: Pointer,
    matrix: Pointer,
    config: string,
    shape: Out<Pointer>,
    dimensions: Out<number>,
    result: Out<Pointer>,
  ): number;
}

const SIGNATURES: Readonly<Record<Exclude<keyof Functions, 'quantileCreate' | 'externalCreate'>, string>> = {
  lastError: 'const char *XGBGetLastError()',
  version: 'void XGBoostVersion(_Out_ int *a, _Out_ int *b, _Out_ int *c)',
  proxyCreate: 'int XGProxyDMatrixCreate(_Out_ void **out)',
  proxySetDense: 'int XGProxyDMatrixSetDataDense(void *h, const char *array)',
  denseCreate: 'int XGDMatrixCreateFromDense(const char *array, const char *config, _Out_ void **out)',
  matrixSetInfo: 'int XGDMatrixSetInfoFromInterface(void *h, const char *field, const char *array)',
  matrixRows: 'int XGDMatrixNumRow(void *h, _Out_ uint64_t *out)',
  matrixFree: 'int XGDMatrixFree(void *h)',
  boosterCreate: 'int XGBoosterCreate(void **matrices, uint64_t n, _Out_ void **out)',
  boosterFree: 'int XGBoosterFree(void *h)',
  boosterSetParameter: 'int XGBoosterSetParam(void *h, const char *name, const char *value)',
  boosterUpdate: 'int XGBoosterUpdateOneIter(void *h, int round, void *matrix)',
  boosterEvaluate:
    'int XGBoosterEvalOneIter(void *h, int round, void **m, const char **names, uint64_t n, _Out_ const char **out)',
  boosterRounds: 'int XGBoosterBoostedRounds(void *h, _Out_ int *out)',
  boosterFeatures: 'int XGBoosterGetNumFeature(void *h, _Out_ uint64_t *out)',
  boosterSlice: 'int XGBoosterSlice(void *h, int begin, int end, int step, _Out_ void **out)',
  boosterSave:
    'int XGBoosterSaveModelToBuffer(void *h, const char *config, _Out_ uint64_t *n, _Out_ void **out)',
  boosterLoad: 'int XGBoosterLoadModelFromBuffer(void *h, const void *bytes, uint64_t n)',
  boosterSetNames:
    'int XGBoosterSetStrFeatureInfo(void *h, const char *field, const char **names, uint64_t n)',
  boosterGetNames:
    'int XGBoosterGetStrFeatureInfo(void *h, const char *field, _Out_ uint64_t *n, _Out_ void **out)',
  boosterFeatureScore:
    'int XGBoosterFeatureScore(void *h, const char *config, _Out_ uint64_t *n, _Out_ void **names, _Out_ uint64_t *d, _Out_ void **shape, _Out_ void **scores)',
  predictDense:
    'int XGBoosterPredictFromDense(void *h, const char *array, const char *config, void *proxy, _Out_ void **shape, _Out_ uint64_t *d, _Out_ void **result)',
  predictMatrix:
    'int XGBoosterPredictFromDMatrix(void *h, void *matrix, const char *config, _Out_ void **shape, _Out_ uint64_t *d, _Out_ void **result)',
};

type Koffi = typeof import('koffi');

/** The loaded library: its functions and the little marshalling that they need. */
export interface Bindings {
  readonly call: Functions;
  readonly version: string;
  /** Throws what the library said when `status` is not 0. */
  check(status: number, action: string): void;
  /** NumPy's `__array_interface__` of an array that the caller keeps alive during the call. */
  describe(values: Float32Array, shape: readonly number[]): string;
  /** Copies numbers out of memory that the library reuses in its next call. */
  copyFloats(pointer: Pointer, count: number): Float32Array;
  copyBytes(pointer: Pointer, count: number): Uint8Array;
  copyShape(pointer: Pointer, dimensions: number): number[];
  copyTexts(pointer: Pointer, count: number): string[];
  /** Registers the two callbacks of a data iterator for the time of `use`. */
  withIterator<T>(next: () => number, reset: () => void, use: (next: bigint, reset: bigint) => T): T;
}

/**
 * Loads the library at `path`.
 *
 * @throws Whatever koffi throws when the file is missing, is of another platform or lacks a function.
 */
export function loadBindings(path: string): Bindings {
  // Loaded on first use: most commands never touch native code and must start fast.
  const koffi = createRequire(import.meta.url)('koffi') as Koffi;
  waitPassively(koffi);
  const library = koffi.load(path);
  const callbacks = {
    next: koffi.pointer(koffi.proto('int', ['void *'])),
    reset: koffi.pointer(koffi.proto('void', ['void *'])),
  };
  const call = bindFunctions(koffi, library, callbacks);
  return {
    call,
    version: readVersion(call),
    check(status, action) {
      if (status !== 0) throw xgboostFailed(action, call.lastError());
    },
    ...marshalling(koffi),
    withIterator(next, reset, use) {
      const nextPointer = koffi.register(next, callbacks.next);
      const resetPointer = koffi.register(reset, callbacks.reset);
      try {
        return use(nextPointer, resetPointer);
      } finally {
        koffi.unregister(nextPointer);
        koffi.unregister(resetPointer);
      }
    },
  };
}

/**
 * Lets OpenMP's idle threads sleep instead of spin, unless the user chose otherwise.
 *
 * @remarks Read once, when the OpenMP runtime is loaded. Spinning costs cores that others need: two threads on two busy
 *   cores trained 10 to 50 times slower with it.
 *   Through C, because `process.env` of a worker thread is a copy.
 */
function waitPassively(koffi: Koffi): void {
  const setenv = koffi.load(null).func('int setenv(const char *name, const char *value, int overwrite)');
  setenv('OMP_WAIT_POLICY', 'passive', 0);
}

function bindFunctions(
  koffi: Koffi,
  library: LibraryHandle,
  callbacks: { readonly next: TypeObject; readonly reset: TypeObject },
): Functions {
  const bound: Record<string, unknown> = {};
  for (const [name, signature] of Object.entries(SIGNATURES)) bound[name] = library.func(signature);
  const fromIterator = (name: string): unknown =>
    library.func(name, 'int', [
      'void *',
      'void *',
      'void *',
      callbacks.reset,
      callbacks.next,
      'const char *',
      koffi.out(koffi.pointer('void *')) as unknown as TypeObject,
    ]);
  bound['quantileCreate'] = fromIterator('XGQuantileDMatrixCreateFromCallback');
  bound['externalCreate'] = fromIterator('XGExtMemQuantileDMatrixCreateFromCallback');
  return bound as unknown as Functions;
}

function readVersion(call: Functions): string {
  const major: Out<number> = [0];
  const minor: Out<number> = [0];
  const patch: Out<number> = [0];
  call.version(major, minor, patch);
  return `${major[0]}.${minor[0]}.${patch[0]}`;
}

function marshalling(
  koffi: Koffi,
): Pick<Bindings, 'describe' | 'copyFloats' | 'copyBytes' | 'copyShape' | 'copyTexts'> {
  // Not koffi.view: every view leaves some 160 bytes behind for ever, and it is four times slower than memcpy.
  const memcpy = koffi.load(null).func('void *memcpy(void *to, const void *from, size_t n)') as (
    to: bigint,
    from: Pointer,
    count: number,
  ) => void;
  const copy = (pointer: Pointer, bytes: number): ArrayBuffer => {
    const target = new ArrayBuffer(bytes);
    // An address: an array itself would be copied into the call and not back.
    if (bytes > 0) memcpy(koffi.address(target), pointer, bytes);
    return target;
  };
  return {
    describe: (values, shape) =>
      `{"data":[${koffi.address(values)},true],"shape":[${shape.join(',')}],"typestr":"<f4","version":3}`,
    copyFloats: (pointer, count) => new Float32Array(copy(pointer, 4 * count)),
    copyBytes: (pointer, count) => new Uint8Array(copy(pointer, count)),
    copyShape: (pointer, dimensions) =>
      Array.from(new BigUint64Array(copy(pointer, 8 * dimensions)), (length) => Number(length)),
    copyTexts: (pointer, count) =>
      count === 0 ? [] : (koffi.decode(pointer, 'const char *', count) as string[]),
  };
}
