import { createCommand } from '../options.ts';
import { runCommand } from '../run-command.ts';
import { printDoctor } from '../printers/doctor.ts';

export function doctorCommand() {
  return createCommand('doctor', 'Check what works on this machine, and say what to do where it does not.', [
    'mlsched doctor',
    'mlsched doctor -o json',
  ]).action((options) =>
    runCommand(
      {
        name: 'doctor',
        async run() {
          const [{ examineMachine }, { dataRoot, stateDirectory }] = await Promise.all([
            import('#services/doctor'),
            import('../locations.ts'),
          ]);
          const checks = await examineMachine({ dataRoot: dataRoot(), stateDirectory: stateDirectory() });
          const hasError = checks.some((check) => check.level === 'ERROR');
          return { status: hasError ? 'finding' : 'ok', data: { checks } };
        },
        print: printDoctor,
      },
      options,
    ),
  );
}
