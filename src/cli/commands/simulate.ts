import { createCommand, nameList, ratio, wholeNumber } from '../options.ts';
import { dataDirectory, requireWritable, stateDirectory } from '../locations.ts';
import { printSimulation } from '../printers/simulate.ts';
import type { SimulateReport } from '#training';
import { runCommand } from '../run-command.ts';
import { readVersions } from './version.ts';

export function simulateCommand() {
  return createCommand(
    'simulate',
    'Replay one workload under several placement policies and compare them, paired over seeds.',
    [
      'mlsched simulate --scenario hosts-24 --policies stock,mlsched --seeds 10',
      'mlsched simulate --data ROOT --policies all --seeds 10 -o json',
      'mlsched simulate --scenario burst-100 --seeds 5 --report burst.html',
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
    .option('--report <file>', 'also write an HTML report with plots to this file')
    .option('--models <alias>', 'which registered models mlsched uses', 'champion')
    .action((options) =>
      runCommand(
        {
          name: 'simulate',
          async run(context) {
            if (options.report !== undefined) requireWritable(options.report);
            const [{ simulate }, { loadPolicyModels }] = await Promise.all([
              import('#training'),
              import('#services/models'),
            ]);
            const policies = options.policies.includes('all') ? ('all' as const) : options.policies;
            const directory = dataDirectory(options.data, 'placement', context);
            const report = await simulate({
              dataDirectory: directory,
              scenario: options.scenario,
              policies,
              seeds: options.seeds,
              record: options.report !== undefined,
              progress: context.progress,
              artefacts: await loadPolicyModels(stateDirectory(), options.models, policies, context),
              ...(options.demand === undefined ? {} : { demandRatio: options.demand }),
            });
            if (options.report !== undefined) {
              await writeReport(options.report, directory, report);
              context.note(`report: ${options.report}`);
            }
            // The curves are in the report; here they would drown the numbers.
            return { status: 'ok' as const, data: { ...report, series: {} } };
          },
          print: printSimulation,
        },
        options,
      ),
    );
}

async function writeReport(file: string, directory: string, simulation: SimulateReport): Promise<void> {
  const [{ renderSimulationReport }, { writeFileAtomic }, { systemClock }] = await Promise.all([
    import('#operations'),
    import('#platform/files'),
    import('#kernel/clock'),
  ]);
  const page = renderSimulationReport({
    createdAtMs: systemClock.nowMs(),
    dataDirectory: directory,
    version: readVersions().mlsched,
    simulation,
  });
  await writeFileAtomic(file, page);
}
