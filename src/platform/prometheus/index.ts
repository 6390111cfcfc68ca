export { createHalvingReader } from './halving-reader.ts';
export { openReader } from './open-reader.ts';
export { createQueryReader } from './query-reader.ts';
export { createRemoteReader } from './remote-read.ts';
export type {
  LabelMatcher,
  PrometheusOptions,
  PrometheusReader,
  PrometheusSeries,
  SampleSelection,
} from './types.ts';
export { evaluateAt, evaluateOver } from './evaluate.ts';
export type { EvaluatedValue, EvaluationSpan } from './evaluate.ts';
