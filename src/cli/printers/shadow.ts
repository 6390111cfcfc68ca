import { formatPercent } from '#kernel/units';
import type { ShadowVerdict } from '#scheduler';
import { renderTable } from '../table.ts';

type Interval = ShadowVerdict['regret'];

const SENTENCES: Readonly<Record<ShadowVerdict['verdict'], string>> = {
  go: "go: 'mlsched rollout set 10' lets it influence one workload in ten",
  'no-go': 'no-go: stay in shadow mode until the checks that failed are understood',
  'too-early': 'too early to tell: keep it in shadow mode',
};

/** The verdict last, since it is what is read last. */
export function printShadow(verdict: ShadowVerdict): string {
  const percent = ({ mean, low, high }: Interval): string =>
    Number.isNaN(mean)
      ? 'unknown'
      : `${formatPercent(mean)} (${formatPercent(low)} .. ${formatPercent(high)})`;
  const facts: readonly (readonly [string, string])[] = [
    ['time in shadow mode', `${verdict.hours.toFixed(1)} h`],
    [
      'decisions',
      `${verdict.decisions}, ${verdict.followed} followed to their node, ${verdict.judged} to the load after`,
    ],
    ['abstained', `${formatPercent(verdict.abstainRatio)} ${reasonsOf(verdict.abstentions)}`.trim()],
    [
      'agreement with what was done',
      `${percent(verdict.agreementRatio)}; by chance ${formatPercent(verdict.randomAgreementRatio)}`,
    ],
    ['regret of what was done, by our score', percent(verdict.regret)],
    [
      'place of the node taken in our order',
      `median ${Number.isNaN(verdict.rankMedian) ? 'unknown' : verdict.rankMedian}`,
    ],
    [
      'forecast error',
      `${percent(verdict.forecastMaeRatio)}, bias ${formatPercent(verdict.forecastBiasRatio)}`,
    ],
    ['our choice was less loaded by', percent(verdict.loadAdvantageRatio)],
    [
      'overloaded nodes',
      `${formatPercent(verdict.overloadTakenRatio)} as done, ${formatPercent(verdict.overloadPreferredRatio)} by our choice`,
    ],
  ];
  const table = renderTable(
    [
      { header: 'MEASURE', value: ([name]: readonly [string, string]) => name },
      { header: 'VALUE (95 % interval)', value: ([, value]) => value },
    ],
    facts,
  );
  const checks = renderTable(
    [
      { header: 'CHECK', value: (check: ShadowVerdict['checks'][number]) => check.name },
      { header: 'VALUE', value: (check) => check.value, digits: 3 },
      { header: 'AT MOST', value: (check) => check.bar, digits: 3 },
      { header: 'RESULT', value: (check) => resultOf(check) },
    ],
    verdict.checks,
  );
  return `${table}\n${checks}\n${SENTENCES[verdict.verdict]}\n`;
}

function resultOf({ value, isPassed }: ShadowVerdict['checks'][number]): string {
  if (Number.isNaN(value)) return 'unknown';
  return isPassed ? 'passed' : 'FAILED';
}

function reasonsOf(abstentions: ShadowVerdict['abstentions']): string {
  const parts = Object.entries(abstentions).map(([reason, count]) => `${reason} ${count}`);
  return parts.length === 0 ? '' : `(${parts.join(', ')})`;
}
