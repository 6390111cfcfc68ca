import { Command } from '@commander-js/extra-typings';
import { serveHealthCommand } from './serve-health.ts';
import { serveInferenceCommand } from './serve-inference.ts';
import { serveSchedulerCommand } from './serve-scheduler.ts';

/** The services, each with its own command. */
export function serveCommand() {
  return new Command('serve')
    .description('Run a service until it is told to stop.')
    .addCommand(serveInferenceCommand())
    .addCommand(serveSchedulerCommand())
    .addCommand(serveHealthCommand());
}
