import { loadPredictor } from '#native';
import { requestInvalid, shapeInvalid } from '../errors.ts';
import type { ServedModel } from '../model.ts';
import { floats, toFloats } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';

/**
 * Serves any XGBoost model file, as MLServer's XGBoost runtime does: one input of rows, one output of predictions.
 *
 * @param bytes - UBJ or JSON as XGBoost writes it.
 */
export function serveBooster(bytes: Uint8Array): ServedModel {
  const predictor = loadPredictor(bytes);
  const { featureCount, outputCount } = predictor;
  return {
    platform: 'xgboost',
    inputs: [{ name: 'input-0', datatype: 'FP32', shape: [-1, featureCount] }],
    outputs: [{ name: 'predict', datatype: 'FP32', shape: outputCount === 1 ? [-1] : [-1, outputCount] }],
    isBatchable: true,
    infer([rows]) {
      const input = rows as Tensor;
      const count = input.shape[0] ?? 0;
      const values = predictor.predict(toFloats(input), count);
      return [floats('predict', values, outputCount === 1 ? [count] : [count, outputCount])];
    },
    fromInstances: (instances) => [rowsTensor('input-0', instances, featureCount)],
    free: () => predictor.free(),
  };
}

/** Rows of equal length as one tensor. */
export function rowsTensor(name: string, instances: readonly unknown[], width: number): Tensor {
  const values = new Float32Array(instances.length * width);
  for (const [row, instance] of instances.entries()) {
    if (!Array.isArray(instance)) throw requestInvalid(`instance ${row} is no list of numbers`);
    if (instance.length !== width)
      throw shapeInvalid(name, `has ${instance.length} values in row ${row}, wanted ${width}`);
    for (let i = 0; i < width; i++) values[row * width + i] = toNumber(instance[i], row);
  }
  return floats(name, values, [instances.length, width]);
}

/** `null` is unknown: JSON has no NaN. */
function toNumber(value: unknown, row: number): number {
  if (value === null) return Number.NaN;
  if (typeof value !== 'number') throw requestInvalid(`instance ${row} holds something that is no number`);
  return value;
}
