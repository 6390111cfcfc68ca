import { SECOND_MS } from '#kernel/units';
import { createHealthMonitor, createIncidentLog } from '#models/anomaly';
import type { AnomalyModel, Incident } from '#models/anomaly';

/**
 * Replays a history of one node through monitor and incident log, as a live cluster would see it.
 *
 * @param rows - Row-major, shape `[steps, metrics]`; step `i` happens at `i * stepSeconds`.
 * @param fromStep - Incidents that open earlier are not reported: what comes before is the past that a monitor in service
 *   has seen of its node.
 * @returns Every incident that opened since; `openedMs` is the time since the first step.
 */
export function replayIncidents(model: AnomalyModel, rows: Float32Array, fromStep = 0): Incident[] {
  const width = model.metricNames.length;
  const monitor = createHealthMonitor(model, { nodeCount: 1 });
  const log = createIncidentLog();
  const opened: Incident[] = [];
  for (let step = 0; step * width < rows.length; step++) {
    monitor.updateNode(0, rows, step * width);
    const timeMs = step * model.stepSeconds * SECOND_MS;
    const event = log.observe({ node: 'replay', timeMs, health: monitor.health(0) });
    if (event?.kind === 'opened' && step >= fromStep) opened.push(event.incident);
  }
  return opened;
}
