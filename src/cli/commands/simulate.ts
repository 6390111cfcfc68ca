import { createCommand, nameList, ratio, wholeNumber } from '../options.ts';
import { dataDirectory } from '../locations.ts';
import { printSimulation } from '../printers/simulate.ts';
import { runCommand } from '../run-command.ts';

export function simulateCommand() {
  return createCommand(
    'simulate',
    'Replay one workload under several placement policies and compare them, paired over seeds.',
    [
      'mlsched simulate --scenario hosts-24 --policies stock,mlsched --seeds 10',
      'mlsched simulate --data ROOT --policies all --seeds 10 -o json',
    ],
  )
    .option(
      '--data <root>',
      'data root with google-vms/, azure-arrivals/, openb/ (default: MLSCHED_DATA, else the sample)',
    )
    .option('--scenario <name>', 'built-in name or path of a scenario file', 'hosts-24')
    .option('--policies <names>', "policies, comma-separated, or 'all'", nameList, ['all'])
    .option('--seeds <number>', 'how many paired seeds', wholeNumber(1), 3)
    .option('--demand <ratio>', "mean demand as a share of capacity, instead of the scenario's own", ratio)
    .option('--models <alias>', 'which registered models mlsched uses', 'champion')
    .action((options) =>
      runCommand(
        {
          name: 'simulate',
          async run(context) {
            const [{ simulate }, { loadPolicyModels }] = await Promise.all([
              import('#training'),
              import('#services/models'),
            ]);
            const { stateDirectory } = await import('../locations.ts');
            const policies = options.policies.includes('all') ? ('all' as const) : options.policies;
            const data = await simulate({
              dataDirectory: dataDirectory(options.data, 'placement', context),
              scenario: options.scenario,
              policies,
              seeds: options.seeds,
              progress: context.progress,
              artefacts: await loadPolicyModels(stateDirectory(), options.models, policies, context),
              ...(options.demand === undefined ? {} : { demandRatio: options.demand }),
            });
            return { status: 'ok' as const, data };
          },
          print: printSimulation,
        },
        options,
      ),
    );
}
