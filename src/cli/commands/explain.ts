import { join } from 'node:path';
import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { createCommand, wholeNumber } from '../options.ts';
import { stateDirectory } from '../locations.ts';
import { printExplanation } from '../printers/explain.ts';
import { runCommand } from '../run-command.ts';

export function explainCommand() {
  return new Command('explain').description('Why a decision came out as it did.').addCommand(podCommand());
}

function podName(text: string): string {
  if (!/^[^/\s]+\/[^/\s]+$/.test(text)) throw new InvalidArgumentError('expected NAMESPACE/NAME.');
  return text;
}

function podCommand() {
  return createCommand(
    'pod',
    'Show the decisions about one pod: parts, what was known, runner-up, what would have flipped it, and what came of it.',
    [
      'mlsched explain pod shop/web-5c8f9-x2x4z --server http://127.0.0.1:8480',
      'mlsched explain pod shop/web-5c8f9-x2x4z            # from the journal on this machine',
    ],
  )
    .argument('<namespace/name>', 'the pod', podName)
    .option('--server <url>', 'ask a running service for its latest decisions')
    .option('--journal <directory>', 'read this journal (default: the one in the state directory)')
    .option('--limit <number>', 'the latest so many', wholeNumber(1), 3)
    .action((pod, options) =>
      runCommand(
        {
          name: 'explain pod',
          async run() {
            const { explainPod } = await import('#services/explain');
            const journal = options.journal ?? join(stateDirectory(), 'journal');
            const { server, limit } = options;
            const explanations = await explainPod(
              server === undefined ? { journal } : { server },
              pod,
              limit,
            );
            return { status: explanations.length === 0 ? 'finding' : 'ok', data: { pod, explanations } };
          },
          print: printExplanation,
        },
        options,
      ),
    );
}
