import { createRng } from '#kernel/rng';

import type { PolicyFactory } from '../types.ts';

/** Any feasible node with equal chance: the control that every policy must beat. */
export const createRandom: PolicyFactory = ({ seed }) => {
  const rng = createRng(seed).fork('random');
  return {
    name: 'random',
    choose: (_pod, _view, feasible, feasibleCount) => feasible[rng.int(feasibleCount)] as number,
  };
};
