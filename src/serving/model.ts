import type { Tensor, TensorSpec } from './tensor.ts';

/** A model that answers, whatever is inside. */
export interface ServedModel {
  /** As the protocol names it: `xgboost_ubj`, `onnx`, `mlsched`. */
  readonly platform: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** The inputs of requests that may be answered as one: their first axis is the row. Parameters must be equal. */
  readonly isBatchable: boolean;
  /**
   * @param inputs - Checked against `inputs`, in their order.
   * @param parameters - Of the request.
   * @returns One tensor for each of `outputs`, in their order.
   */
  infer(
    inputs: readonly Tensor[],
    parameters: Readonly<Record<string, unknown>>,
  ): readonly Tensor[] | Promise<readonly Tensor[]>;
  /** For v1: turns the rows of a request (`instances`) into inputs. Undefined when only v2 is spoken. */
  readonly fromInstances?: (instances: readonly unknown[]) => readonly Tensor[];
  free(): void;
}
