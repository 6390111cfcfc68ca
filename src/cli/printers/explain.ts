import { SCORE_PARTS } from '#domain';
import { formatPercent } from '#kernel/units';
import type { Explanation } from '#scheduler';
import { renderTable } from '../table.ts';

type Decision = Extract<Explanation, { kind: 'decision' }>;
type Judged = NonNullable<Decision['decision']['chosen']>;

/** One paragraph a decision, the newest first. */
export function printExplanation(data: {
  readonly pod: string;
  readonly explanations: readonly Explanation[];
}): string {
  if (data.explanations.length === 0)
    return `nothing is known of ${data.pod}: it was never scored here, or the journal no longer holds it\n`;
  return data.explanations.map(printOne).join('\n');
}

function printOne(explanation: Explanation): string {
  if (explanation.kind === 'decision') return printDecision(explanation);
  const { bound } = explanation;
  return `${moment(bound.atMs)}  ${bound.namespace}/${bound.name}: not scored by us; ${bound.schedulerName || 'a scheduler'} placed it on ${bound.node}\n`;
}

function printDecision({ decision, bound, outcome }: Decision): string {
  const { pod, chosen, runnerUp } = decision;
  const head = `${moment(decision.atMs)}  ${pod.namespace}/${pod.name}  decision ${decision.id}\n${answerOf(decision)}\n`;
  const nodes = [chosen, runnerUp].filter((node) => node !== null);
  const parts = nodes.length === 0 ? '' : `\n${renderNodes(nodes)}`;
  const models = Object.entries(decision.models).map(([name, version]) => `${name} ${version}`);
  return [
    head,
    parts,
    flipLine(decision),
    bound === undefined ? '  the pod is not bound yet, as far as is known\n' : boundLine(bound),
    outcome === undefined ? '' : outcomeLine(outcome),
    `  ${decision.candidates} candidates, ${decision.unknownNodes} of them unknown; ${decision.tookMs.toFixed(1)} ms; models: ${models.join(', ') || 'none'}\n`,
  ].join('');
}

function answerOf({ outcome, reason, arm, mode, percent, bucket }: Decision['decision']): string {
  if (outcome === 'scored')
    return `  scores were given (rollout ${percent} %, this workload is at ${bucket})`;
  if (reason === 'shadow') return `  neutral answer: the service runs in ${mode} mode`;
  if (reason === 'control')
    return `  neutral answer: this workload is in the ${arm} (rollout ${percent} %, it is at ${bucket})`;
  return `  abstained: ${reason}; the pod was placed as without us`;
}

const EVIDENCE = [
  ['CPU now', 'cpuNowRatio'],
  ['in flight', 'cpuInFlightRatio'],
  ['CPU forecast', 'cpuForecastMedianRatio'],
  ['CPU forecast 95 %', 'cpuForecastHigh95Ratio'],
  ['expected over the pod', 'cpuExpectedRatio'],
  ['memory', 'memoryRatio'],
  ['CPU requested', 'cpuRequestedRatio'],
  ['health', 'healthRatio'],
] as const;

function renderNodes(nodes: readonly Judged[]): string {
  const column = (node: Judged, i: number) => ({
    header: i === 0 ? `OURS ${node.node}` : `NEXT ${node.node}`,
    value: (row: { values: readonly string[] }) => row.values[i],
  });
  const rows = [
    { name: 'score', values: nodes.map(({ total }) => total.toFixed(3)) },
    ...SCORE_PARTS.map((part) => ({
      name: `  ${part}`,
      values: nodes.map(({ parts }) => {
        const score = parts[part];
        return score.kind === 'scored' ? score.score.toFixed(3) : `unknown (${score.reason})`;
      }),
    })),
    ...EVIDENCE.map(([name, key]) => ({
      name,
      values: nodes.map(({ evidence }) => formatPercent(evidence[key] ?? Number.NaN)),
    })),
  ];
  const table = renderTable(
    [{ header: '', value: (row: (typeof rows)[number]) => row.name }, ...nodes.map(column)],
    rows,
  );
  return table.replace(/^/gm, '  ').trimEnd().concat('\n');
}

function flipLine({ flips, runnerUp, margin }: Decision['decision']): string {
  if (runnerUp === null || margin === null) return '';
  const [least] = flips;
  const flip =
    least === undefined
      ? 'no single part could have changed it'
      : `${runnerUp.node} would have won had the ${least.part} score been ${least.winnerDrop.toFixed(3)} lower`;
  return `  margin ${margin.toFixed(3)}; ${flip}\n`;
}

function boundLine({ node, agreed, rank, regret, schedulerName }: NonNullable<Decision['bound']>): string {
  const by = schedulerName === '' ? '' : ` by ${schedulerName}`;
  const place =
    rank === null ? '' : `; in our order it is number ${rank}, ${(regret ?? 0).toFixed(3)} behind the best`;
  return `  bound to ${node}${by}${agreed === true ? ', our first choice' : place}\n`;
}

function outcomeLine(outcome: NonNullable<Decision['outcome']>): string {
  const show = (ratio: number | null): string => formatPercent(ratio ?? Number.NaN);
  const other =
    outcome.node === outcome.preferredNode
      ? ''
      : `; ${outcome.preferredNode}, which we preferred, had ${show(outcome.preferredRealisedCpuRatio)}`;
  return `  15 minutes later ${outcome.node} had ${show(outcome.realisedCpuRatio)} CPU (forecast ${show(outcome.predictedCpuRatio)})${other}\n`;
}

function moment(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
