import { createLog } from '#kernel/log';
import type { Log } from '#kernel/log';
import { EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED } from './context.ts';
import { describeError, errorEnvelope, resultEnvelope } from './envelope.ts';

/** A service that runs until it is told to stop. */
interface RunningService {
  /** Told on the first line of standard output, for whoever started it: host and port above all. */
  readonly announcement: Readonly<Record<string, unknown>>;
  /** Takes nothing new, ends what is under way, writes what must be kept. */
  close(): Promise<void>;
}

export interface ServiceSpec {
  /** As typed, without options: `serve inference`. */
  readonly name: string;
  start(log: Log): Promise<RunningService>;
}

/** Time for ending what is under way; Kubernetes kills after 30 s. */
const CLOSE_DEADLINE_MS = 25_000;

/**
 * Runs a service until SIGTERM or SIGINT: one JSON document on standard output once it listens, log lines on standard
 * error, a graceful end.
 *
 * @remarks A second signal, or a close that takes too long, ends it at once. Exit codes: 0 after SIGTERM, 130 after SIGINT, 1
 *   when it could not start.
 */
export async function runService(spec: ServiceSpec): Promise<void> {
  const log = createLog({ service: spec.name.replaceAll(' ', '-') });
  let service: RunningService;
  try {
    service = await spec.start(log);
  } catch (error) {
    const described = describeError(error);
    process.stdout.write(`${JSON.stringify(errorEnvelope(spec.name, described))}\n`);
    log.error(described.message, { code: described.code, hint: described.hint });
    process.exitCode = EXIT_FAILED;
    return;
  }
  const answer = { status: 'ok' as const, data: service.announcement };
  process.stdout.write(`${JSON.stringify(resultEnvelope(spec.name, answer))}\n`);
  log.success('started', service.announcement);
  const signal = await nextSignal();
  log.info('stopping: requests under way are ended first', { signal });
  const late = setTimeout(() => exitLate(log), CLOSE_DEADLINE_MS);
  void nextSignal().then(() => exitLate(log));
  await service.close();
  clearTimeout(late);
  log.success('stopped');
  process.exit(signal === 'SIGINT' ? EXIT_INTERRUPTED : EXIT_DONE);
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}

function exitLate(log: Log): void {
  log.error('stopped before everything under way had ended');
  process.exit(EXIT_FAILED);
}
