import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import type { CommandContext } from '../context.ts';
import { createCommand } from '../options.ts';
import { stateDirectory } from '../locations.ts';
import { printRollout } from '../printers/rollout.ts';
import { runCommand } from '../run-command.ts';
import { readConfigFile } from './config.ts';

export function rolloutCommand() {
  return new Command('rollout')
    .description('How many of the workloads the service may influence.')
    .addCommand(statusCommand())
    .addCommand(setCommand())
    .addCommand(undoCommand());
}

/** `shadow`, or percent of workloads. */
function share(text: string): number | 'shadow' {
  if (text === 'shadow') return text;
  const percent = Number(text.replace(/%$/, ''));
  if (!(percent >= 0 && percent <= 100) || text === '')
    throw new InvalidArgumentError('expected shadow, or a percentage such as 10, 50 or 100.');
  return percent;
}

function rolloutCommandOf(name: string, summary: string, examples: readonly string[]) {
  return createCommand(name, summary, examples)
    .option('--config <file>', 'configuration of the service: says where the state is kept')
    .option('--kubeconfig <file>', 'keep the state in the ConfigMap of this cluster');
}

interface Place {
  readonly config?: string | undefined;
  readonly kubeconfig?: string | undefined;
}

async function openStore({ config, kubeconfig }: Place) {
  const [{ parseServiceConfig }, { openRolloutStore }] = await Promise.all([
    import('#scheduler'),
    import('#services/rollout'),
  ]);
  const text = config === undefined ? '' : await readConfigFile(config);
  return openRolloutStore(parseServiceConfig(text, config ?? 'command line'), stateDirectory(), kubeconfig);
}

function statusCommand() {
  return rolloutCommandOf('status', 'Show how far the rollout is, and what changed it.', [
    'mlsched rollout status',
    'mlsched rollout status -o json',
  ]).action((options) =>
    runCommand(
      {
        name: 'rollout status',
        run: async () => ({ status: 'ok' as const, data: await (await openStore(options)).read() }),
        print: printRollout,
      },
      options,
    ),
  );
}

function setCommand() {
  return rolloutCommandOf(
    'set',
    'Let the service influence this share of the workloads; all replicas follow within seconds.',
    ['mlsched rollout set 10', 'mlsched rollout set shadow     # no influence, everything is recorded'],
  )
    .argument('<share>', 'shadow, or percent of workloads: 10, then 50, then 100', share)
    .option('--reason <text>', 'why, for the history', 'set by hand')
    .action((wanted, options) =>
      runCommand(
        {
          name: 'rollout set',
          async run(context) {
            const { ROLLOUT_STEPS, setRollout } = await import('#scheduler');
            if (wanted !== 'shadow') noteLeap(wanted, ROLLOUT_STEPS, context);
            const data = await setRollout(await openStore(options), {
              mode: wanted === 'shadow' ? 'shadow' : 'active',
              percent: wanted === 'shadow' ? 0 : wanted,
              atMs: Date.now(),
              by: 'operator',
              reason: options.reason,
            });
            return { status: 'ok' as const, data };
          },
          print: printRollout,
        },
        options,
      ),
    );
}

function noteLeap(percent: number, steps: readonly number[], context: CommandContext): void {
  if (steps.includes(percent) || percent === 0) return;
  context.note(`note: the usual steps are ${steps.join(', ')} %; the guard steps back along these`);
}

function undoCommand() {
  return rolloutCommandOf('undo', 'Take the last change back.', ['mlsched rollout undo']).action((options) =>
    runCommand(
      {
        name: 'rollout undo',
        async run() {
          const { undoLastRollout } = await import('#scheduler');
          return { status: 'ok' as const, data: await undoLastRollout(await openStore(options), Date.now()) };
        },
        print: printRollout,
      },
      options,
    ),
  );
}
