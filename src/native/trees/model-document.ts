import { modelCorrupt } from '../errors.ts';
import { decodeUbj } from './ubj.ts';

/** One tree as XGBoost stores it; all arrays have one element a node unless told otherwise. */
export interface TreeDocument {
  /** -1 marks a leaf. */
  readonly leftChildren: Int32Array;
  readonly rightChildren: Int32Array;
  readonly splitFeatures: Int32Array;
  /** Threshold of an inner node, value of a leaf. */
  readonly splitConditions: Float32Array;
  readonly isDefaultLeft: Uint8Array;
  /** 1 for a leaf of one number. */
  readonly leafWidth: number;
  /** Values of the vector leaves, shape `[leaves, leafWidth]`; empty when `leafWidth` is 1. */
  readonly leafVectors: Float32Array;
  readonly hasCategories: boolean;
}

/** A model file, checked: every index in it is in range and no tree has a cycle. */
export interface ModelDocument {
  readonly objective: string;
  /** `gbtree`, `dart` or `gblinear`. */
  readonly booster: string;
  readonly featureCount: number;
  readonly featureNames: readonly string[];
  /** One or, with several outputs, one an output; in the space of the labels. */
  readonly baseScores: Float32Array;
  /** Outputs a row. */
  readonly outputCount: number;
  readonly trees: readonly TreeDocument[];
  /** Output that each tree adds to. */
  readonly treeOutputs: Int32Array;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads and checks a model that XGBoost 3 saved, in either of its formats.
 *
 * @param bytes - UBJ or JSON; told apart by the second byte, as XGBoost does.
 * @throws MlschedError `MLS_NATIVE_MODEL_CORRUPT` saying what is wrong.
 */
export function readModelDocument(bytes: Uint8Array): ModelDocument {
  const learner = fieldsOf(fieldsOf(decodeModel(bytes), 'the model')['learner'], 'learner');
  const parameters = fieldsOf(learner['learner_model_param'], 'learner_model_param');
  const gradientBooster = fieldsOf(learner['gradient_booster'], 'gradient_booster');
  const featureCount = countOf(parameters, 'num_feature');
  const outputCount = Math.max(
    1,
    optionalCountOf(parameters, 'num_class'),
    optionalCountOf(parameters, 'num_target'),
  );
  const names = learner['feature_names'];
  return {
    objective: textOf(fieldsOf(learner['objective'], 'objective'), 'name'),
    booster: textOf(gradientBooster, 'name'),
    featureCount,
    featureNames: Array.isArray(names) ? names.map(String) : [],
    baseScores: readBaseScores(textOf(parameters, 'base_score'), outputCount),
    outputCount,
    ...readForest(gradientBooster, featureCount, outputCount),
  };
}

function decodeModel(bytes: Uint8Array): unknown {
  if (bytes.length < 2 || bytes[0] !== 0x7b) throw modelCorrupt('it does not start with an object');
  // JSON goes on with a quote or white space; UBJ with the marker of a key's length.
  if (!['"', ' ', '\n', '\t', '\r', '}'].includes(String.fromCharCode(bytes[1] as number)))
    return decodeUbj(bytes);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw modelCorrupt('it is neither JSON nor UBJ');
  }
}

/** XGBoost 3 writes a list in a string, `[4.1E-1]`; XGBoost 1 and 2 wrote a bare number. */
function readBaseScores(text: string, outputCount: number): Float32Array {
  const scores = Float32Array.from(text.replace(/^\[|\]$/g, '').split(','), Number);
  if (!scores.every(Number.isFinite)) throw modelCorrupt(`base_score is ${text}`);
  if (scores.length !== 1 && scores.length !== outputCount)
    throw modelCorrupt(`base_score has ${scores.length} values for ${outputCount} outputs`);
  return scores;
}

function readForest(
  gradientBooster: Fields,
  featureCount: number,
  outputCount: number,
): Pick<ModelDocument, 'trees' | 'treeOutputs'> {
  if (gradientBooster['name'] === 'gblinear') return { trees: [], treeOutputs: new Int32Array(0) };
  // DART wraps the plain forest and adds a weight a tree.
  const forest = fieldsOf(gradientBooster['gbtree'] ?? gradientBooster, 'gbtree');
  const model = fieldsOf(forest['model'], 'gradient_booster.model');
  const documents = model['trees'];
  if (!Array.isArray(documents)) throw modelCorrupt('trees is not a list');
  const declared = countOf(fieldsOf(model['gbtree_model_param'], 'gbtree_model_param'), 'num_trees');
  if (declared !== documents.length)
    throw modelCorrupt(`it holds ${documents.length} trees and declares ${declared}`);
  const treeOutputs = integersOf(model, 'tree_info', documents.length);
  if (!treeOutputs.every((output) => output >= 0 && output < outputCount))
    throw modelCorrupt('a tree adds to an output that is not there');
  checkRounds(model, documents.length);
  return { trees: documents.map((tree, i) => readTree(tree, i, featureCount)), treeOutputs };
}

/** `iteration_indptr` says where each round's trees begin. */
function checkRounds(model: Fields, treeCount: number): void {
  if (model['iteration_indptr'] === undefined) return;
  const starts = integersOf(model, 'iteration_indptr', undefined);
  const isRising = starts.every((start, i) => i === 0 || start >= (starts[i - 1] as number));
  const isEmpty = treeCount === 0 && starts.length === 0;
  if (!isEmpty && !(isRising && starts[0] === 0 && starts.at(-1) === treeCount))
    throw modelCorrupt('iteration_indptr does not cover the trees');
}

function readTree(document: unknown, index: number, featureCount: number): TreeDocument {
  const tree = fieldsOf(document, `tree ${index}`);
  const parameters = fieldsOf(tree['tree_param'], `tree ${index}: tree_param`);
  const nodes = countOf(parameters, 'num_nodes');
  if (nodes === 0) throw modelCorrupt(`tree ${index} has no node`);
  const leafWidth = Math.max(1, optionalCountOf(parameters, 'size_leaf_vector'));
  const read: TreeDocument = {
    leftChildren: integersOf(tree, 'left_children', nodes),
    rightChildren: integersOf(tree, 'right_children', nodes),
    splitFeatures: integersOf(tree, 'split_indices', nodes),
    splitConditions: floatsOf(tree, 'split_conditions', nodes),
    isDefaultLeft: Uint8Array.from(integersOf(tree, 'default_left', nodes)),
    leafWidth,
    leafVectors: leafWidth === 1 ? new Float32Array(0) : floatsOf(tree, 'leaf_weights', undefined),
    hasCategories: lengthOf(tree['categories']) > 0,
  };
  checkLengths(tree, index, nodes);
  checkShape(read, integersOf(tree, 'parents', nodes), index, featureCount);
  return read;
}

/** Arrays that only XGBoost itself reads: it trusts their lengths. */
function checkLengths(tree: Fields, index: number, nodes: number): void {
  const leafWidth = lengthOf(tree['base_weights']) / nodes;
  const isSound =
    leafWidth >= 1 &&
    Number.isInteger(leafWidth) &&
    ['loss_changes', 'sum_hessian'].every((name) => lengthOf(tree[name]) === nodes);
  if (!isSound) throw modelCorrupt(`tree ${index} has arrays of different lengths`);
}

/** Walks the tree once from its root: children in range and pointing back, none reached twice, features known. */
function checkShape(tree: TreeDocument, parents: Int32Array, index: number, featureCount: number): void {
  const nodes = tree.leftChildren.length;
  const isReached = new Uint8Array(nodes);
  const open = [0];
  while (open.length > 0) {
    const node = open.pop() as number;
    if (!(node >= 0 && node < nodes) || isReached[node] === 1)
      throw modelCorrupt(`tree ${index} leads to node ${node} twice or out of its ${nodes} nodes`);
    isReached[node] = 1;
    if (tree.leftChildren[node] === -1) {
      checkLeaf(tree, index, node);
      continue;
    }
    const feature = tree.splitFeatures[node] as number;
    if (!(feature >= 0 && feature < featureCount))
      throw modelCorrupt(`tree ${index} asks for feature ${feature} of ${featureCount}`);
    const children = [tree.leftChildren[node] as number, tree.rightChildren[node] as number];
    // XGBoost follows these back links while it loads a tree, without looking where they lead.
    if (children.some((child) => parents[child] !== node))
      throw modelCorrupt(`tree ${index} has a child that does not point back to node ${node}`);
    open.push(...children);
  }
}

/** A vector leaf keeps its row of `leafVectors` where an inner node keeps its right child. */
function checkLeaf(tree: TreeDocument, index: number, node: number): void {
  if (tree.leafWidth === 1) return;
  const row = tree.rightChildren[node] as number;
  if (row < 0 || (row + 1) * tree.leafWidth > tree.leafVectors.length)
    throw modelCorrupt(`tree ${index} has no vector for leaf ${node}`);
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw modelCorrupt(`${what} is missing or no object`);
  return value as Fields;
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw modelCorrupt(`${name} is missing or no text`);
  return value;
}

/** XGBoost writes its own counts as text. */
function countOf(fields: Fields, name: string): number {
  const count = Number(textOf(fields, name));
  if (!Number.isInteger(count) || count < 0) throw modelCorrupt(`${name} is ${String(fields[name])}`);
  return count;
}

function optionalCountOf(fields: Fields, name: string): number {
  return fields[name] === undefined ? 0 : countOf(fields, name);
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) || ArrayBuffer.isView(value) ? (value as ArrayLike<number>).length : 0;
}

function numbersOf(fields: Fields, name: string, length: number | undefined): ArrayLike<number> {
  const value = fields[name];
  const isList =
    ArrayBuffer.isView(value) || (Array.isArray(value) && value.every((item) => Number.isFinite(item)));
  if (!isList) throw modelCorrupt(`${name} is missing or no list of numbers`);
  const numbers = value as unknown as ArrayLike<number>;
  if (length !== undefined && numbers.length !== length)
    throw modelCorrupt(`${name} has ${numbers.length} elements instead of ${length}`);
  return numbers;
}

function integersOf(fields: Fields, name: string, length: number | undefined): Int32Array {
  return Int32Array.from(numbersOf(fields, name, length));
}

function floatsOf(fields: Fields, name: string, length: number | undefined): Float32Array {
  const floats = Float32Array.from(numbersOf(fields, name, length));
  if (!floats.every(Number.isFinite)) throw modelCorrupt(`${name} holds a number that is not finite`);
  return floats;
}
