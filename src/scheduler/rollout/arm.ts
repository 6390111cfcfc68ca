import type { DecisionRecord } from '../journal/record.ts';
import { bucketOf } from './state.ts';
import type { RolloutState } from './state.ts';

/** Where a pod's workload stands in the rollout. */
export interface Arm {
  readonly arm: DecisionRecord['arm'];
  readonly bucket: number;
}

/** Pods that nobody controls are workloads of their own here. */
export function armOf({ mode, percent }: RolloutState, owner: string, podName: string): Arm {
  const bucket = bucketOf(owner.startsWith('Pod/') ? `${owner}/${podName}` : owner);
  if (mode === 'shadow') return { arm: 'shadow', bucket };
  return { arm: bucket < percent ? 'treated' : 'control', bucket };
}
