import { Command } from '@commander-js/extra-typings';
import { collectCommand } from './commands/collect.ts';
import { qualityCommand } from './commands/quality.ts';
import { rolloutCommand } from './commands/rollout.ts';
import { serveCommand } from './commands/serve.ts';
import { shadowCommand } from './commands/shadow.ts';
import { simulateCommand } from './commands/simulate.ts';
import { completionCommand } from './commands/completion.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { explainCommand } from './commands/explain.ts';
import { featuresCommand } from './commands/features.ts';
import { configCommand } from './commands/config.ts';
import { incidentsCommand } from './commands/incidents.ts';
import { demoCommand } from './commands/demo.ts';
import { trainCommand } from './commands/train.ts';
import { modelsCommand } from './commands/models.ts';
import { tuneCommand } from './commands/tune.ts';
import { doctorCommand } from './commands/doctor.ts';
import { baselineCommand } from './commands/baseline.ts';
import { workloadsCommand } from './commands/workloads.ts';
import { versionCommand } from './commands/version.ts';

const EXAMPLES = `Examples:
  mlsched demo                                      the main job on a real trace, with a report
  mlsched evaluate forecast --data DIR -o json      how well is this load forecast?
`;

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the check found something, 130 interrupted.
Environment: MLSCHED_DATA (data root), MLSCHED_HOME (models and reports, default .mlsched).`;

/** The whole command line. Commands load what they need only when they run, so that help is quick. */
export function createProgram(): Command {
  const program = new Command('mlsched')
    .description('Learned scheduling for Kubernetes: load forecast, placement and node health.')
    .helpCommand(false)
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', EXIT_CODES);
  for (const command of commands(program as unknown as Command))
    program.addCommand(command as unknown as Command);
  forEachCommand(program as unknown as Command, (command) => {
    command
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
      .showSuggestionAfterError(true);
  });
  return program as unknown as Command;
}

function commands(program: Command): unknown[] {
  return [
    demoCommand(),
    trainCommand(),
    evaluateCommand(),
    tuneCommand(),
    simulateCommand(),
    modelsCommand(),
    serveCommand(),
    collectCommand(),
    incidentsCommand(),
    qualityCommand(),
    explainCommand(),
    shadowCommand(),
    rolloutCommand(),
    configCommand(),
    featuresCommand(),
    baselineCommand(),
    workloadsCommand(),
    doctorCommand(),
    versionCommand(),
    completionCommand(program),
  ];
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child as unknown as Command, visit);
}
