import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createRng } from '#kernel/rng';
import { controlPlaneMissing, startControlPlane, type ControlPlane } from '../harness/control-plane.ts';
import { createNodes, drawShapes, findStockDisagreements } from '../harness/placements.ts';

const NODES = 24;
const PODS = 300;
const REQUIRED_AGREEMENT = 0.99;

let cluster: ControlPlane;

describe('a real control plane', { skip: controlPlaneMissing() }, () => {
  before(async () => {
    cluster = await startControlPlane();
  });

  after(async () => {
    await cluster?.stop();
  });

  test(`the simulator's stock policy would also choose the node that kube-scheduler chose`, async () => {
    const rng = createRng(7);
    const shapes = drawShapes(NODES, rng.fork('nodes'));
    await createNodes(cluster, shapes);
    const trial = { namespace: 'default', pods: PODS, shapes };
    const disagreements = await findStockDisagreements(cluster, trial, rng);

    assert.ok(
      disagreements.length <= PODS * (1 - REQUIRED_AGREEMENT),
      `${disagreements.length} of ${PODS} placements differ:\n${disagreements.slice(0, 5).join('\n')}`,
    );
  });
});
