import {
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  TimeoutStrategy,
  bulkhead,
  circuitBreaker,
  handleAll,
  retry,
  timeout,
  wrap,
} from 'cockatiel';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

import { messageOf } from '#kernel/errors';
import type { Log } from '#kernel/log';
import { SECOND_MS } from '#kernel/units';

export interface DependencyOptions {
  /** What is depended on, for log and metrics: `prometheus`. */
  readonly name: string;
  /** Deadline of one try. */
  readonly timeoutMs: number;
  /** Tries after the first. */
  readonly retries: number;
  /** Calls at once; one more waits, further ones are refused. */
  readonly concurrency?: number;
  /** Failed calls in a row that open the breaker. */
  readonly failures?: number;
  /** How long it stays open before one call may try. */
  readonly openMs?: number;
}

/** Calls to one dependency, kept apart from the rest: deadline, jittered retries, breaker, bulkhead. */
export interface Dependency {
  readonly name: string;
  /** @throws What the work throws, or that the breaker is open. */
  call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  readonly isOpen: boolean;
}

/**
 * Guards calls to what may fail (cockatiel: the maintained resilience library of Node, without dependencies).
 *
 * @remarks From the outside in: bulkhead, breaker, retries, deadline. A call with all its retries counts once for the
 *   breaker; while it is open callers learn so at once.
 */
export function createDependency(options: DependencyOptions, log: Log, registry: Registry): Dependency {
  const { name, timeoutMs, retries, concurrency = 2, failures = 3, openMs = 10 * SECOND_MS } = options;
  const breaker = circuitBreaker(handleAll, {
    halfOpenAfter: openMs,
    breaker: new ConsecutiveBreaker(failures),
  });
  const retrying = retry(handleAll, {
    maxAttempts: retries,
    backoff: new ExponentialBackoff({ initialDelay: 200, maxDelay: 2 * SECOND_MS }),
  });
  const policy = wrap(
    bulkhead(concurrency, 1),
    breaker,
    retrying,
    timeout(timeoutMs, TimeoutStrategy.Aggressive),
  );
  const gauge = openGauge(registry);
  gauge.set({ dependency: name }, 0);
  breaker.onBreak((reason) => {
    gauge.set({ dependency: name }, 1);
    const cause = 'error' in reason ? messageOf(reason.error) : 'it was opened by hand';
    log.warning('a dependency does not answer; it is left alone for a while', { dependency: name, cause });
  });
  breaker.onReset(() => {
    gauge.set({ dependency: name }, 0);
    log.success('a dependency answers again', { dependency: name });
  });
  return {
    name,
    call: (work) => policy.execute(({ signal }) => work(signal)),
    get isOpen() {
      return breaker.state === CircuitState.Open;
    },
  };
}

function openGauge(registry: Registry): Gauge {
  const name = 'mlsched_scheduler_breaker_open';
  const known = registry.getSingleMetric(name) as Gauge | undefined;
  return (
    known ??
    new Gauge({
      name,
      help: '1 while calls to a dependency are not even tried.',
      labelNames: ['dependency'],
      registers: [registry],
    })
  );
}
