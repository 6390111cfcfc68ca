import { modelUnsupported, shapeMismatch } from '../errors.ts';
import { isIdentityLink, linkOf, type Link } from './links.ts';
import type { ModelDocument, TreeDocument } from './model-document.ts';

/** A forest laid out for walking: the nodes of all trees in one run of typed arrays. */
export interface TreeWalk {
  readonly featureCount: number;
  readonly outputCount: number;
  /**
   * @param values - Row-major float32, shape `[rows, featureCount]`; NaN follows each node's missing branch.
   * @param baseMargin - Replaces the base score; shape `[rows]` or `[rows, outputCount]`.
   * @returns Margins, row-major, shape `[rows, outputCount]`.
   */
  margins(values: Float32Array, rows: number, baseMargin?: Float32Array): Float32Array;
  /** As `margins`, then through the objective's link function into the space of the labels. */
  predict(values: Float32Array, rows: number, baseMargin?: Float32Array): Float32Array;
}

/** Rows that pass through one tree before the next tree is fetched: both stay in the cache. */
const BLOCK_ROWS = 64;

/**
 * Lays out a model for walking in TypeScript.
 *
 * @remarks Bit-identical to libxgboost in the margin: the same float32 comparisons, and the leaves are added
 *   in the order of the trees with a float32 rounding after each. Objectives with an exponential link may differ
 *   from the C library in the last bit of `predict`, because `exp` itself may.
 * @throws MlschedError `MLS_NATIVE_MODEL_UNSUPPORTED` for DART, linear models, categorical splits and
 *   objectives whose link is not known here.
 */
export function compileTreeWalk(model: ModelDocument): TreeWalk {
  if (model.booster !== 'gbtree') throw modelUnsupported(`booster ${model.booster}`);
  if (model.trees.some((tree) => tree.hasCategories)) throw modelUnsupported('categorical splits');
  const link = linkOf(model.objective);
  const forest = layOut(model);
  const base = Float32Array.from({ length: model.outputCount }, (_, output) =>
    link.toMargin(model.baseScores[model.baseScores.length === 1 ? 0 : output] as number),
  );
  const margins = (values: Float32Array, rows: number, baseMargin?: Float32Array): Float32Array => {
    if (values.length !== rows * model.featureCount)
      throw shapeMismatch('prediction input', `${rows} rows x ${model.featureCount} features`, values.length);
    const out = startingMargins(rows, base, baseMargin);
    addForest(forest, values, rows, out);
    return out;
  };
  return {
    featureCount: model.featureCount,
    outputCount: model.outputCount,
    margins,
    predict: (values, rows, baseMargin) =>
      applyLink(link, margins(values, rows, baseMargin), model.outputCount),
  };
}

/** Whether the walk reads this model and gives the library's bits for it. */
export function isWalkExact(model: ModelDocument): boolean {
  const isReadable = model.booster === 'gbtree' && !model.trees.some((tree) => tree.hasCategories);
  return isReadable && isIdentityLink(model.objective);
}

/**
 * Nodes of all trees, level by level within a tree, the two children of a node side by side.
 *
 * A leaf has feature -1; `next` of a leaf is its row in `leafVectors`, of an inner node its left child.
 */
interface Forest {
  readonly featureCount: number;
  readonly outputCount: number;
  readonly roots: Int32Array;
  readonly outputs: Int32Array;
  /** 1, or `outputCount` for trees with vector leaves. */
  readonly leafWidths: Int32Array;
  readonly features: Int32Array;
  readonly next: Int32Array;
  /** Threshold of an inner node, value of a scalar leaf. */
  readonly thresholds: Float32Array;
  /** Added to the left child when the value is missing: 0 goes left, 1 goes right. */
  readonly missingSteps: Uint8Array;
  readonly leafVectors: Float32Array;
}

function layOut(model: ModelDocument): Forest {
  const nodes = model.trees.reduce((sum, tree) => sum + tree.leftChildren.length, 0);
  const vectors = model.trees.map((tree) => tree.leafVectors);
  const forest: Forest = {
    featureCount: model.featureCount,
    outputCount: model.outputCount,
    roots: new Int32Array(model.trees.length),
    outputs: model.treeOutputs,
    leafWidths: Int32Array.from(model.trees, (tree) => tree.leafWidth),
    features: new Int32Array(nodes),
    next: new Int32Array(nodes),
    thresholds: new Float32Array(nodes),
    missingSteps: new Uint8Array(nodes),
    leafVectors: concatenate(vectors),
  };
  let firstNode = 0;
  let firstVector = 0;
  for (const [i, tree] of model.trees.entries()) {
    if (tree.leafWidth !== 1 && tree.leafWidth !== model.outputCount)
      throw modelUnsupported(`leaves of ${tree.leafWidth} values for ${model.outputCount} outputs`);
    forest.roots[i] = firstNode;
    layOutTree(forest, tree, firstNode, firstVector);
    firstNode += tree.leftChildren.length;
    firstVector += tree.leafVectors.length;
  }
  return forest;
}

function layOutTree(forest: Forest, tree: TreeDocument, firstNode: number, firstVector: number): void {
  const order = [0];
  for (let i = 0; i < order.length; i++) {
    const node = order[i] as number;
    const at = firstNode + i;
    const isLeaf = tree.leftChildren[node] === -1;
    forest.features[at] = isLeaf ? -1 : (tree.splitFeatures[node] as number);
    forest.thresholds[at] = tree.splitConditions[node] as number;
    forest.missingSteps[at] = tree.isDefaultLeft[node] === 1 ? 0 : 1;
    if (isLeaf) {
      forest.next[at] = firstVector + (tree.rightChildren[node] as number) * tree.leafWidth;
      continue;
    }
    forest.next[at] = firstNode + order.length;
    order.push(tree.leftChildren[node] as number, tree.rightChildren[node] as number);
  }
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function startingMargins(
  rows: number,
  base: Float32Array,
  baseMargin: Float32Array | undefined,
): Float32Array {
  const outputs = base.length;
  const out = new Float32Array(rows * outputs);
  if (baseMargin === undefined) {
    for (let i = 0; i < out.length; i++) out[i] = base[i % outputs] as number;
    return out;
  }
  if (baseMargin.length !== out.length && baseMargin.length !== rows)
    throw shapeMismatch('base_margin', `${rows} or ${out.length} values`, baseMargin.length);
  const isShared = baseMargin.length !== out.length;
  for (let i = 0; i < out.length; i++) out[i] = baseMargin[isShared ? Math.floor(i / outputs) : i] as number;
  return out;
}

// hot: test/bench/native-xgboost.bench.ts. Blocks of rows, and within a block tree by tree.
function addForest(forest: Forest, values: Float32Array, rows: number, out: Float32Array): void {
  for (let begin = 0; begin < rows; begin += BLOCK_ROWS) {
    const end = Math.min(rows, begin + BLOCK_ROWS);
    for (let tree = 0; tree < forest.roots.length; tree++) {
      if (forest.leafWidths[tree] === 1) addScalarTree(forest, tree, { values, begin, end, out });
      else addVectorTree(forest, tree, { values, begin, end, out });
    }
  }
}

interface Block {
  readonly values: Float32Array;
  readonly begin: number;
  readonly end: number;
  readonly out: Float32Array;
}

function addScalarTree(forest: Forest, tree: number, block: Block): void {
  const { features, next, thresholds, missingSteps, featureCount, outputCount } = forest;
  const { values, out, end } = block;
  const root = forest.roots[tree] as number;
  const output = forest.outputs[tree] as number;
  for (let row = block.begin; row < end; row++) {
    const first = row * featureCount;
    let node = root;
    let feature = features[node] as number;
    while (feature >= 0) {
      const value = values[first + feature] as number;
      const left = next[node] as number;
      if (value < (thresholds[node] as number)) node = left;
      else node = value === value ? left + 1 : left + (missingSteps[node] as number);
      feature = features[node] as number;
    }
    const at = row * outputCount + output;
    // Stored as float32: each sum is rounded as in the C library.
    out[at] = (out[at] as number) + (thresholds[node] as number);
  }
}

function addVectorTree(forest: Forest, tree: number, block: Block): void {
  const { features, next, thresholds, missingSteps, leafVectors, featureCount, outputCount } = forest;
  const { values, out, end } = block;
  const root = forest.roots[tree] as number;
  for (let row = block.begin; row < end; row++) {
    const first = row * featureCount;
    let node = root;
    let feature = features[node] as number;
    while (feature >= 0) {
      const value = values[first + feature] as number;
      const left = next[node] as number;
      if (value < (thresholds[node] as number)) node = left;
      else node = value === value ? left + 1 : left + (missingSteps[node] as number);
      feature = features[node] as number;
    }
    const vector = next[node] as number;
    const at = row * outputCount;
    for (let output = 0; output < outputCount; output++)
      out[at + output] = (out[at + output] as number) + (leafVectors[vector + output] as number);
  }
}

function applyLink(link: Link, margins: Float32Array, outputCount: number): Float32Array {
  if (!link.isIdentity) link.toValues(margins, outputCount);
  return margins;
}
