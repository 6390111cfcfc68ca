import { createCommand } from '../options.ts';
import { clusterOf, sourceOf, urlOption, withPrometheusFlags } from '../prometheus-options.ts';
import { runCommand } from '../run-command.ts';
import { printDoctor } from '../printers/doctor.ts';

export function doctorCommand() {
  return withPrometheusFlags(
    createCommand('doctor', 'Check what works on this machine, and say what to do where it does not.', [
      'mlsched doctor',
      'mlsched doctor --kubernetes    # does Metrics Server measure all nodes',
      'mlsched doctor --prometheus http://prometheus:9090    # which metrics are there, and what the others cost',
    ]),
  )
    .addOption(urlOption())
    .action((options) =>
      runCommand(
        {
          name: 'doctor',
          async run() {
            const [{ examineMachine }, { dataRoot, stateDirectory }] = await Promise.all([
              import('#services/doctor'),
              import('../locations.ts'),
            ]);
            const checks = await examineMachine({ dataRoot: dataRoot(), stateDirectory: stateDirectory() });
            if (options.prometheus !== undefined) {
              const { examinePrometheus } = await import('#services/doctor-prometheus');
              checks.push(...(await examinePrometheus(sourceOf(options.prometheus, options), Date.now())));
            }
            const cluster = clusterOf(options);
            if (cluster !== undefined) {
              const { examineCluster } = await import('#services/metrics-server-source');
              checks.push(...(await examineCluster(cluster, Date.now())));
            }
            const hasError = checks.some((check) => check.level === 'ERROR');
            return { status: hasError ? 'finding' : 'ok', data: { checks } };
          },
          print: printDoctor,
        },
        options,
      ),
    );
}
