import { createSession, floatTensor } from '#native';
import type { OnnxTensor } from '#native';

import { placementStateWrong } from './errors.ts';
import { elementCount, initialParameters, parameterSpecs } from './network.ts';
import type { NetworkShape, Parameters } from './network.ts';
import { ADAM_BETA1, ADAM_BETA2, STATE_PREFIXES, buildTrainingGraph } from './training-graph.ts';

/** How the learner learns; fixed for its life. */
export interface LearnerConfig {
  readonly shape: NetworkShape;
  readonly batch: number;
  /** Candidates kept a state. */
  readonly candidates: number;
  readonly clipNorm: number;
  readonly targetRate: number;
}

/** One training batch; every array is row-major and owned by the caller. See `buildTrainingGraph`. */
export interface TrainingBatch {
  readonly states: Float32Array;
  readonly nextStates: Float32Array;
  readonly mask: Float32Array;
  readonly nextMask: Float32Array;
  readonly reward: Float32Array;
  /** Discount of the next state's value: gamma to the power of the steps between, 0 after an end. */
  readonly discount: Float32Array;
  readonly weight: Float32Array;
  readonly guide: Float32Array;
  readonly guideWeight: Float32Array;
}

/** What may change from step to step. */
interface StepRates {
  readonly learningRate: number;
  /** Share of the Q loss. */
  readonly qRate: number;
  /** Share of the imitation loss. */
  readonly guideRate: number;
}

interface StepReport {
  /** |Q - target| of each sample, for prioritised replay; a copy. */
  readonly tdError: Float32Array;
  readonly guideLoss: number;
  readonly gradientNorm: number;
}

/** Everything a learner needs to go on exactly where it stopped. */
export interface LearnerState {
  readonly steps: number;
  /** By prefixed parameter name. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/** Trains the network step by step. Not for concurrent use: await each step. */
export interface Learner {
  step(batch: TrainingBatch, rates: StepRates): Promise<StepReport>;
  /** Copies of the online weights. */
  parameters(): Parameters;
  /** Copies of the target weights: a running mean of the online ones, steadier on unseen load. */
  averagedParameters(): Parameters;
  state(): LearnerState;
  close(): Promise<void>;
}

/** An empty batch to fill again and again. */
export function createBatch(config: LearnerConfig): TrainingBatch {
  const { batch, candidates, shape } = config;
  const rows = (): Float32Array => new Float32Array(batch * candidates * shape.inputs);
  const table = (): Float32Array => new Float32Array(batch * candidates);
  const column = (): Float32Array => new Float32Array(batch);
  return {
    states: rows(),
    nextStates: rows(),
    mask: table(),
    nextMask: table(),
    reward: column(),
    discount: column(),
    weight: column(),
    guide: table(),
    guideWeight: column(),
  };
}

/** First state of a fresh learner: drawn weights, target weights equal to them, no moments. */
export function initialLearnerState(shape: NetworkShape, seed: number): LearnerState {
  const tensors = new Map<string, Float32Array>();
  for (const [name, values] of initialParameters(shape, seed)) {
    tensors.set(name, values);
    tensors.set(`target.${name}`, values.slice());
    tensors.set(`moment1.${name}`, new Float32Array(values.length));
    tensors.set(`moment2.${name}`, new Float32Array(values.length));
  }
  return { steps: 0, tensors };
}

/**
 * Compiles the training step and starts from `state`.
 *
 * @throws MlschedError `MLS_MODELS_PLACEMENT_STATE` when the state belongs to another network.
 */
export async function createLearner(config: LearnerConfig, state: LearnerState): Promise<Learner> {
  const specs = parameterSpecs(config.shape);
  const held: Record<string, OnnxTensor> = {};
  for (const { name, dims } of specs) {
    for (const prefix of STATE_PREFIXES) {
      const data = state.tensors.get(prefix + name);
      if (data?.length !== elementCount(dims)) throw placementStateWrong(prefix + name);
      held[prefix + name] = floatTensor(data.slice(), dims);
    }
  }
  const session = await createSession(buildTrainingGraph(config));
  let steps = state.steps;
  return {
    async step(batch, rates) {
      steps++;
      const feeds = { ...held, ...batchTensors(config, batch), ...rateTensors(rates, steps) };
      const outputs = await session.run(feeds);
      for (const key of Object.keys(held)) held[key] = outputs[`next.${key}`] as OnnxTensor;
      return {
        tdError: copyOf(outputs, 'tdError'),
        guideLoss: Number(outputs['guideLoss']?.data[0]),
        gradientNorm: Number(outputs['gradientNorm']?.data[0]),
      };
    },
    parameters: () => new Map(specs.map(({ name }) => [name, copyOf(held, name)])),
    averagedParameters: () => new Map(specs.map(({ name }) => [name, copyOf(held, `target.${name}`)])),
    state: () => ({ steps, tensors: new Map(Object.keys(held).map((key) => [key, copyOf(held, key)])) }),
    close: () => session.release(),
  };
}

function copyOf(held: Readonly<Record<string, OnnxTensor>>, name: string): Float32Array {
  const data = held[name]?.data;
  return data instanceof Float32Array ? data.slice() : new Float32Array(0);
}

function batchTensors(config: LearnerConfig, batch: TrainingBatch): Record<string, OnnxTensor> {
  const { batch: size, candidates, shape } = config;
  const rows = [size * candidates, shape.inputs];
  const table = [size, candidates];
  const column = [size, 1];
  return {
    states: floatTensor(batch.states, rows),
    nextStates: floatTensor(batch.nextStates, rows),
    mask: floatTensor(batch.mask, table),
    nextMask: floatTensor(batch.nextMask, table),
    guide: floatTensor(batch.guide, table),
    reward: floatTensor(batch.reward, column),
    discount: floatTensor(batch.discount, column),
    weight: floatTensor(batch.weight, column),
    guideWeight: floatTensor(batch.guideWeight, column),
  };
}

function rateTensors(rates: StepRates, step: number): Record<string, OnnxTensor> {
  const scalar = (value: number): OnnxTensor => floatTensor(Float32Array.of(value), []);
  return {
    qRate: scalar(rates.qRate),
    guideRate: scalar(rates.guideRate),
    stepSize: scalar(rates.learningRate / (1 - ADAM_BETA1 ** step)),
    correction2: scalar(1 - ADAM_BETA2 ** step),
  };
}
