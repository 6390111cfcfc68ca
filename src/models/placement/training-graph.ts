import { createOnnxGraph } from '#native';
import type { OnnxGraph, OnnxValue } from '#native';

import { placementConfigInvalid } from './errors.ts';
import { advantageLayers, parameterSpecs, valueLayers } from './network.ts';
import type { LayerSpec, NetworkShape, ParameterSpec } from './network.ts';

/** What is fixed in a compiled training step. */
export interface TrainingGraphOptions {
  readonly shape: NetworkShape;
  /** States a step. */
  readonly batch: number;
  /** Candidates kept a state; the chosen one is number 0. */
  readonly candidates: number;
  /** Global norm to which gradients are cut. */
  readonly clipNorm: number;
  /** Share of the way that target weights move a step. */
  readonly targetRate: number;
  /** Also return the raw gradients as `gradient.<name>`; for checks. */
  readonly exposeGradients?: boolean;
}

export const ADAM_BETA1 = 0.9;
export const ADAM_BETA2 = 0.999;
const ADAM_EPSILON = 1e-8;

/** Prefixes of a parameter's tensors in the graph: weight, Adam's moments, target weight. */
export const STATE_PREFIXES = ['', 'moment1.', 'moment2.', 'target.'] as const;

/**
 * Writes one whole training step as an ONNX graph: double-DQN target, duelling forward pass, Huber loss,
 * backward pass, clipping by global norm, Adam, soft target update.
 *
 * Inputs (B = batch, K = candidates, D = columns):
 * `states`, `nextStates` [B*K, D]; `mask`, `nextMask` [B, K] 1 where a candidate exists; `reward`,
 * `discount` (0 at the end), `weight` [B, 1] (importance weight of the sample); `guide` [B, K] advantages to
 * imitate, `guideWeight` [B, 1]; scalars `qRate`, `guideRate` (shares of the two losses), `stepSize`
 * (learning rate over Adam's first correction), `correction2`; and each parameter under each prefix.
 * Outputs: `next.<prefix><name>` for each, `tdError` [B, 1] (absolute), `guideLoss`, `gradientNorm` scalars.
 *
 * @remarks ONNX Runtime has no training API in Node: the backward pass of a dense net is Gemm and Sign.
 *   Sources: van Hasselt 2015 (double), Wang 2016 eq. 9 (duelling, mean form), Kingma 2014 (Adam).
 */
export function buildTrainingGraph(options: TrainingGraphOptions): Uint8Array {
  const graph = createOnnxGraph('placement-training-step');
  const writer: StepWriter = {
    graph,
    options,
    inputs: declareInputs(graph, options),
    integer: shareIntegers(graph),
  };
  const gradients = lossGradients(writer);
  const norm = graph.sqrt(graph.sum(...[...gradients.values()].map((g) => graph.reduceSumSquare(g))));
  graph.output('gradientNorm', norm, []);
  const scale = graph.min(
    graph.scalar(1),
    graph.div(graph.scalar(options.clipNorm), graph.add(norm, graph.scalar(1e-6))),
  );
  for (const spec of parameterSpecs(options.shape)) {
    const gradient = valueOf(gradients, spec.name);
    if (options.exposeGradients === true) graph.output(`gradient.${spec.name}`, gradient, spec.dims);
    updateParameter(writer, spec, graph.mul(gradient, scale));
  }
  return graph.toBytes();
}

/** Where the parts of the step write, and the inputs they may read by name. */
interface StepWriter {
  readonly graph: OnnxGraph;
  readonly options: TrainingGraphOptions;
  readonly inputs: ReadonlyMap<string, OnnxValue>;
  /** A constant int64 vector of one element, stored once. */
  readonly integer: (value: number) => OnnxValue;
}

function valueOf(values: ReadonlyMap<string, OnnxValue>, name: string): OnnxValue {
  const value = values.get(name);
  if (value === undefined) throw placementConfigInvalid(`the training step has no value ${name}`);
  return value;
}

function declareInputs(graph: OnnxGraph, options: TrainingGraphOptions): Map<string, OnnxValue> {
  const { batch, candidates, shape } = options;
  const shapes: [string, readonly number[]][] = [
    ...['states', 'nextStates'].map((name): [string, number[]] => [name, [batch * candidates, shape.inputs]]),
    ...['mask', 'nextMask', 'guide'].map((name): [string, number[]] => [name, [batch, candidates]]),
    ...['reward', 'discount', 'weight', 'guideWeight'].map((name): [string, number[]] => [name, [batch, 1]]),
    ...['qRate', 'guideRate', 'stepSize', 'correction2'].map((name): [string, number[]] => [name, []]),
    ...parameterSpecs(shape).flatMap(({ name, dims }) =>
      STATE_PREFIXES.map((prefix): [string, readonly number[]] => [prefix + name, dims]),
    ),
  ];
  return new Map(shapes.map(([name, dims]) => [name, graph.input(name, dims)]));
}

function lossGradients(writer: StepWriter): Map<string, OnnxValue> {
  const { graph, options, inputs } = writer;
  const { shape, batch, candidates } = options;
  const mask = valueOf(inputs, 'mask');
  const online = heads(writer, { rows: 'states', mask: 'mask', prefix: '' });
  const chosenAdvantage = slice(writer, online.centred, 0, 1);
  const error = graph.sub(graph.add(online.value, chosenAdvantage), doubleTarget(writer));
  graph.output('tdError', graph.abs(error), [batch, 1]);
  const qGradient = product(graph, [
    graph.clip(error, -1, 1),
    valueOf(inputs, 'weight'),
    valueOf(inputs, 'qRate'),
    graph.scalar(1 / batch),
  ]);
  const others = graph.expand(graph.scalar(0), [batch, candidates - 1]);
  const chosen = graph.concat([qGradient, others], 1);
  const centredGradient = graph.mul(graph.add(chosen, guideGradient(writer, online.centred)), mask);
  // The gradient of subtracting a mean: each entry less the mean of all.
  const spread = graph.mul(graph.sub(centredGradient, maskedMean(graph, centredGradient, mask)), mask);
  const flat = graph.reshape(spread, [batch * candidates, 1]);
  return new Map([
    ...backward(writer, advantageLayers(shape), online.advantageActivations, flat),
    ...backward(writer, valueLayers(shape), online.valueActivations, qGradient),
  ]);
}

interface Heads {
  /** Advantages less their mean over the candidates, 0 where there is none; [B, K]. */
  readonly centred: OnnxValue;
  /** [B, 1]. */
  readonly value: OnnxValue;
  readonly advantageActivations: readonly OnnxValue[];
  readonly valueActivations: readonly OnnxValue[];
}

interface HeadInput {
  readonly rows: string;
  readonly mask: string;
  readonly prefix: string;
}

function heads(writer: StepWriter, input: HeadInput): Heads {
  const { graph, options, inputs } = writer;
  const { shape, batch, candidates } = options;
  const mask = valueOf(inputs, input.mask);
  const rows = valueOf(inputs, input.rows);
  const layer = { writer, prefix: input.prefix };
  const advantageActivations = forwardPass(layer, advantageLayers(shape), rows);
  const table = graph.reshape(last(advantageActivations), [batch, candidates]);
  const centred = graph.mul(graph.sub(table, maskedMean(graph, table, mask)), mask);
  // The context is the same in every row of a state: that of its first candidate is taken.
  const wide = graph.reshape(rows, [batch, candidates * shape.inputs]);
  const context = slice(writer, wide, shape.inputs - shape.contextInputs, shape.inputs);
  const valueActivations = forwardPass(layer, valueLayers(shape), context);
  return { centred, value: last(valueActivations), advantageActivations, valueActivations };
}

/** reward + discount x target net's value of the candidate that the online net would choose. */
function doubleTarget(writer: StepWriter): OnnxValue {
  const { graph, inputs } = writer;
  const online = heads(writer, { rows: 'nextStates', mask: 'nextMask', prefix: '' });
  const target = heads(writer, { rows: 'nextStates', mask: 'nextMask', prefix: 'target.' });
  const absent = graph.mul(graph.sub(valueOf(inputs, 'nextMask'), graph.scalar(1)), graph.scalar(1e9));
  const best = graph.argMax(graph.add(online.centred, absent), 1, true);
  const next = graph.add(target.value, graph.gatherElements(target.centred, best, 1));
  return graph.add(valueOf(inputs, 'reward'), graph.mul(next, valueOf(inputs, 'discount')));
}

/** Gradient of the imitation loss: mean Huber distance of the centred advantages from the guide's. */
function guideGradient(writer: StepWriter, centred: OnnxValue): OnnxValue {
  const { graph, options, inputs } = writer;
  const mask = valueOf(inputs, 'mask');
  const weight = valueOf(inputs, 'guideWeight');
  const error = graph.mul(graph.sub(centred, valueOf(inputs, 'guide')), mask);
  const distance = graph.mul(maskedMean(graph, graph.abs(error), mask), weight);
  graph.output('guideLoss', graph.mul(graph.reduceSum(distance), graph.scalar(1 / options.batch)), []);
  return product(graph, [
    graph.div(graph.clip(error, -1, 1), candidateCount(graph, mask)),
    weight,
    valueOf(inputs, 'guideRate'),
    graph.scalar(1 / options.batch),
  ]);
}

function product(graph: OnnxGraph, factors: readonly OnnxValue[]): OnnxValue {
  return factors.reduce((left, right) => graph.mul(left, right));
}

function candidateCount(graph: OnnxGraph, mask: OnnxValue): OnnxValue {
  return graph.max(graph.reduceSum(mask, { axes: [1], keepDimensions: true }), graph.scalar(1));
}

function maskedMean(graph: OnnxGraph, table: OnnxValue, mask: OnnxValue): OnnxValue {
  const sum = graph.reduceSum(graph.mul(table, mask), { axes: [1], keepDimensions: true });
  return graph.div(sum, candidateCount(graph, mask));
}

interface PassInput {
  readonly writer: StepWriter;
  readonly prefix: string;
}

/** Activations from the input on; the last entry is the output of the net. */
function forwardPass(
  { writer, prefix }: PassInput,
  layers: readonly LayerSpec[],
  input: OnnxValue,
): OnnxValue[] {
  const { graph, inputs } = writer;
  const activations = [input];
  layers.forEach((layer, i) => {
    const weight = valueOf(inputs, prefix + layer.weight);
    const linear = graph.gemm(last(activations), weight, valueOf(inputs, prefix + layer.bias));
    activations.push(i < layers.length - 1 ? graph.relu(linear) : linear);
  });
  return activations;
}

function backward(
  { graph, inputs }: StepWriter,
  layers: readonly LayerSpec[],
  activations: readonly OnnxValue[],
  outputGradient: OnnxValue,
): [string, OnnxValue][] {
  const gradients: [string, OnnxValue][] = [];
  let gradient = outputGradient;
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i] as LayerSpec;
    const input = activations[i] as OnnxValue;
    gradients.push([layer.weight, graph.gemm(input, gradient, undefined, { transposeA: true })]);
    gradients.push([layer.bias, graph.reduceSum(gradient, { axes: [0] })]);
    if (i === 0) break;
    const through = graph.gemm(gradient, valueOf(inputs, layer.weight), undefined, { transposeB: true });
    gradient = graph.mul(through, graph.sign(input));
  }
  return gradients;
}

/** Adam with bias correction, then the soft move of the target weights. */
function updateParameter(writer: StepWriter, spec: ParameterSpec, gradient: OnnxValue): void {
  const { graph, options, inputs } = writer;
  const { name, dims } = spec;
  const old = (prefix: string): OnnxValue => valueOf(inputs, prefix + name);
  const mix = (held: OnnxValue, fresh: OnnxValue, beta: number): OnnxValue =>
    graph.add(graph.mul(held, graph.scalar(beta)), graph.mul(fresh, graph.scalar(1 - beta)));
  const moment1 = mix(old('moment1.'), gradient, ADAM_BETA1);
  const moment2 = mix(old('moment2.'), graph.mul(gradient, gradient), ADAM_BETA2);
  const root = graph.sqrt(graph.div(moment2, valueOf(inputs, 'correction2')));
  const step = graph.div(moment1, graph.add(root, graph.scalar(ADAM_EPSILON)));
  const weight = graph.sub(old(''), graph.mul(step, valueOf(inputs, 'stepSize')));
  const distance = graph.sub(weight, old('target.'));
  const target = graph.add(old('target.'), graph.mul(distance, graph.scalar(options.targetRate)));
  graph.output(`next.${name}`, weight, dims);
  graph.output(`next.moment1.${name}`, moment1, dims);
  graph.output(`next.moment2.${name}`, moment2, dims);
  graph.output(`next.target.${name}`, target, dims);
}

function last(values: readonly OnnxValue[]): OnnxValue {
  return values[values.length - 1] as OnnxValue;
}

/** Columns `[from, to)` of a matrix. */
function slice({ graph, integer }: StepWriter, matrix: OnnxValue, from: number, to: number): OnnxValue {
  return graph.node('Slice', [matrix, integer(from), integer(to), integer(1)]);
}

function shareIntegers(graph: OnnxGraph): (value: number) => OnnxValue {
  const held = new Map<number, OnnxValue>();
  return (value) => {
    const known = held.get(value) ?? graph.constant(`integer.${value}`, BigInt64Array.of(BigInt(value)), [1]);
    held.set(value, known);
    return known;
  };
}
