export { openXgboost, xgboostAvailability } from './xgboost/library.ts';
export type { XgboostAvailability, XgboostLibrary } from './xgboost/library.ts';
export type { MatrixBatch, MatrixOptions, TrainingMatrix } from './xgboost/matrix.ts';
export type {
  Booster,
  BoosterParameters,
  EvaluationMetric,
  ImportanceKind,
  Prediction,
  PredictionKind,
  PredictOptions,
} from './xgboost/booster.ts';
export { trainBooster } from './xgboost/train.ts';
export type { TrainBoosterOptions, TrainedBooster, TrainingRound } from './xgboost/train.ts';
export { loadPredictor } from './predictor.ts';
export type { LoadPredictorOptions, Predictor } from './predictor.ts';
export { createOnnxGraph } from './onnx/graph.ts';
export type {
  GemmOptions,
  OnnxDimension,
  OnnxElementType,
  OnnxGraph,
  OnnxValue,
  ReduceOptions,
} from './onnx/graph.ts';
export { createSession, floatTensor, integerTensor } from './onnx/session.ts';
export type { CreateSessionOptions, OnnxSession, OnnxTensor } from './onnx/session.ts';
export { exitAtOnce } from './exit.ts';
export { tryLockFile } from './file-lock.ts';
