/** One alert as Alertmanager knows it: its labels are its identity. */
export interface Alert {
  /** `alertname` and what tells it from others; values that change belong into `annotations`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtMs: number;
  /** Where a person sees more. */
  readonly generatorUrl?: string;
}

/** An alert with the time until which the receiver believes it. */
export interface TimedAlert extends Alert {
  /** In the past: it is over. */
  readonly endsAtMs: number;
}

/** An alert as Alertmanager lists it. */
export interface ListedAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'unprocessed' | 'active' | 'suppressed';
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}
