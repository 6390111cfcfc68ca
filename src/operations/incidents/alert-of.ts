import { describeContributions } from '#models/anomaly';
import type { Incident } from '#models/anomaly';
import type { Alert } from '#platform/alertmanager';

export interface AlertText {
  /** Where the runbook of the alert stands. */
  readonly runbookUrl: string;
  /** Added to each alert, `cluster` for one. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What tells the alert of a node from others: it stays the same while the evidence changes. */
export function labelsOf(incident: Incident, text: AlertText): Readonly<Record<string, string>> {
  return {
    ...text.labels,
    alertname: 'MlschedNodeAnomaly',
    service: 'mlsched',
    severity: 'warning',
    node: incident.node,
  };
}

/** An incident as Alertmanager gets it. */
export function alertOf(incident: Incident, text: AlertText): Alert {
  const what = describeContributions(incident.contributions);
  return {
    labels: labelsOf(incident, text),
    annotations: {
      summary: `Node ${incident.node} does not behave as usual: ${what}`,
      description: `Health ${incident.worstHealthRatio.toFixed(2)} of 1. Evidence ${incident.peakStrength.toFixed(1)} times what opens an incident. Say whether it was right: mlsched incidents verdict ${incident.id} true|false`,
      incident: incident.id,
      runbook_url: text.runbookUrl,
    },
    startsAtMs: incident.openedMs,
  };
}
