import { MlschedError } from '#kernel/errors';

/** The native library cannot be used on this host. */
export function xgboostUnavailable(reason: string, hint: string): MlschedError {
  return new MlschedError('MLS_NATIVE_XGBOOST_UNAVAILABLE', `libxgboost cannot be used: ${reason}`, {
    kind: 'unavailable',
    hint,
  });
}

/** A call into libxgboost failed; `text` is what the library said. */
export function xgboostFailed(action: string, text: string): MlschedError {
  return new MlschedError('MLS_NATIVE_XGBOOST_FAILED', `XGBoost could not ${action}: ${firstLine(text)}`, {
    kind: 'invalid-input',
    hint: 'Check the parameters and the shape of the data named in the message.',
    details: { action },
  });
}

/** An object was used after it was freed, or freed twice. */
export function handleFreed(what: string, action: string): MlschedError {
  return new MlschedError('MLS_NATIVE_FREED', `cannot ${action} this ${what}: it was freed before`, {
    kind: 'internal',
    hint: `Free each ${what} once, after its last use; \`using\` does it at the end of the block.`,
    details: { what, action },
  });
}

/** An array does not have the shape that it was announced with. */
export function shapeMismatch(what: string, expected: string, found: number): MlschedError {
  return new MlschedError('MLS_NATIVE_SHAPE', `${what}: expected ${expected}, found ${found}`, {
    kind: 'invalid-input',
    hint: 'Matrices are row-major Float32Arrays of rows x columns numbers.',
    details: { what, found },
  });
}

/** Bytes that are not a model XGBoost could have written. */
export function modelCorrupt(reason: string): MlschedError {
  return new MlschedError('MLS_NATIVE_MODEL_CORRUPT', `not a readable XGBoost model: ${reason}`, {
    kind: 'invalid-input',
    hint: 'Load the model again from where it was trained, or roll back to an earlier version.',
  });
}

/** A sound model of a kind that the tree walk does not read. */
export function modelUnsupported(feature: string): MlschedError {
  return new MlschedError('MLS_NATIVE_MODEL_UNSUPPORTED', `the tree walk does not read ${feature}`, {
    kind: 'invalid-input',
    hint: 'Use the native library for this model, or train it with booster=gbtree and numeric features.',
    details: { feature },
  });
}

/** An ONNX graph or a run of it was refused. */
export function onnxFailed(action: string, cause: unknown): MlschedError {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new MlschedError('MLS_NATIVE_ONNX_FAILED', `ONNX Runtime could not ${action}: ${firstLine(text)}`, {
    kind: 'invalid-input',
    hint: 'Check the names, types and shapes of the inputs against the graph.',
    details: { action },
    cause,
  });
}

/** XGBoost prefixes its messages with a time and a source line and appends a stack trace: neither helps. */
export function firstLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  const first = lines.find((line) => line.length > 0) ?? 'no message';
  return first.replace(/^\[\d\d:\d\d:\d\d\]\s+\S+:\d+:\s*/, '');
}
