import { z } from 'zod';

import { parseConfig } from '#kernel/config';

import { scenarioInvalid } from './errors.ts';

const ratio = z.number().min(0).max(1);

const backgrounds = {
  backgroundRatio: ratio
    .default(0.08)
    .describe(
      'system CPU load at the background trace`s full scale, share of capacity; seen in metrics, not in requests',
    ),
  backgroundFloorRatio: ratio
    .default(0)
    .describe('steady system CPU load below the trace, share of capacity; the sum is cut at 1'),
  backgroundMemoryRatio: ratio.default(0.08).describe('the same for memory'),
};

const nodeGroup = z.strictObject({
  count: z.int().positive(),
  cpuMillicores: z.int().positive().describe('capacity of each node'),
  memoryGib: z.number().positive(),
  isSchedulable: z.boolean().default(true).describe('false for control-plane nodes'),
  ...backgrounds,
});

const tracedNodes = z.strictObject({
  count: z.int().positive(),
  scale: z.number().positive().max(4).default(1).describe('size of each node relative to the trace'),
  ...backgrounds,
});

const burst = z.strictObject({
  atMinutes: z.array(z.number().nonnegative()).min(1).describe('since the start of the measured span'),
  pods: z.int().positive(),
  vcpus: z.number().positive().default(1),
  lifetimeMinutes: z.number().positive(),
});

const daemonSet = z.strictObject({
  cpuRequestMillicores: z.int().nonnegative(),
  memoryRequestMib: z.int().nonnegative(),
});

const failure = z.strictObject({
  atMinutes: z.number().nonnegative(),
  nodes: z.int().positive().describe('how many schedulable nodes fail at once, chosen by the seed'),
  downMinutes: z.number().positive(),
  rescheduleSeconds: z.number().nonnegative().default(60).describe('until their pods are queued again'),
});

const schema = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9-]+$/),
    description: z.string(),
    nodeGroups: z.array(nodeGroup).default([]),
    tracedNodes: tracedNodes.optional().describe('nodes shaped like those of the node trace'),
    measuredMinutes: z.number().positive().default(600),
    warmUpMinutes: z
      .number()
      .positive()
      .default(1620)
      .describe('placed by stock, gives metrics their history'),
    takeOverMinutes: z
      .number()
      .nonnegative()
      .default(60)
      .describe('end of the warm-up, already placed by the policy'),
    stepSeconds: z.int().min(1).max(300).default(30).describe('scrape and accounting step'),
    demandRatio: ratio
      .default(0.6)
      .describe('mean CPU demand of ordinary pods and background, share of capacity'),
    memoryDemandRatio: ratio.default(0.5).describe('mean memory demand at demandRatio 0.6; scales with it'),
    requestToUseRatio: z.number().positive().default(0.9).describe('sum of CPU requests over mean CPU use'),
    memoryRequestToUseRatio: z.number().positive().default(1.1),
    reservedRatio: ratio.default(0.05).describe('capacity that is not allocatable'),
    podsPerNode: z.int().positive().default(110),
    largestBatchRatio: ratio
      .default(0.1)
      .describe('batches are cut to this share of the pods alive on average'),
    daemonSets: z
      .array(daemonSet)
      .default([{ cpuRequestMillicores: 100, memoryRequestMib: 128 }])
      .describe('one pod each on every node; together they use the background load'),
    bursts: z.array(burst).default([]),
    failures: z.array(failure).default([]),
  })
  .refine((value) => value.nodeGroups.length > 0 || value.tracedNodes !== undefined, {
    message: 'give nodeGroups or tracedNodes',
  })
  .refine((value) => value.warmUpMinutes >= value.takeOverMinutes, {
    message: 'takeOverMinutes must not exceed warmUpMinutes',
  })
  .refine((value) => 300 % value.stepSeconds === 0, { message: 'stepSeconds must divide 300' });

/** One simulated situation: nodes, load, events. Times count from the start of the measured span. */
export type Scenario = Readonly<z.output<typeof schema>>;

/**
 * Reads a scenario from YAML or JSON text.
 *
 * @param text - Content of the file.
 * @param label - File or scenario name for messages.
 * @throws MlschedError `MLS_SIMULATOR_SCENARIO_INVALID` naming the key; an unknown key comes with the nearest
 *   known one.
 */
export function parseScenario(text: string, label: string): Scenario {
  return parseConfig(text, schema, ({ problem, hint }) => scenarioInvalid(label, problem, hint));
}
