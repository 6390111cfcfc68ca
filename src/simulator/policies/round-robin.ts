import type { PolicyFactory } from '../types.ts';

/** The next feasible node in turn. */
export const createRoundRobin: PolicyFactory = () => {
  let last = -1;
  return {
    name: 'round-robin',
    choose(_pod, _view, feasible, feasibleCount) {
      let next = feasible[0] as number;
      for (let i = 0; i < feasibleCount; i++) {
        if ((feasible[i] as number) > last) {
          next = feasible[i] as number;
          break;
        }
      }
      last = next;
      return next;
    },
  };
};
