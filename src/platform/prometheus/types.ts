/** How one label must look. Regular expressions are anchored, as everywhere in Prometheus. */
export interface LabelMatcher {
  readonly name: string;
  readonly type: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

/** Which raw samples to read: times in `[startMs, endMs)`. */
export interface SampleSelection {
  readonly matchers: readonly LabelMatcher[];
  readonly startMs: number;
  readonly endMs: number;
}

/** Raw samples of one series. */
export interface PrometheusSeries {
  /** All labels, `__name__` included. */
  readonly labels: Readonly<Record<string, string>>;
  /** Epoch milliseconds, strictly increasing. */
  readonly timesMs: Float64Array;
  /** As scraped: counters are not made into rates, NaN stays NaN; stale markers are left out. */
  readonly values: Float64Array;
}

/** A source of raw samples. Both implementations give equal results on the same server. */
export interface PrometheusReader {
  readonly protocol: 'remote-read' | 'query';
  /**
   * Streams the selected series, each exactly once, in no particular order.
   *
   * @throws MlschedError `MLS_PROMETHEUS_*`; what was yielded before is sound.
   */
  read(selection: SampleSelection): AsyncIterable<PrometheusSeries>;
  /**
   * The server's clock minus ours, milliseconds, from its last answer (HTTP dates know whole seconds);
   * undefined when nothing was answered yet.
   */
  clockSkewMs?(): number | undefined;
}

/** How to reach a server. */
export interface PrometheusOptions {
  /** Base address, such as `http://prometheus:9090` or with a path prefix. */
  readonly url: string;
  /** Sent as `Authorization: Bearer`. */
  readonly bearerToken?: string;
  /** A file that holds the token; read again for each request, since cluster tokens are rotated. */
  readonly tokenFile?: string;
  /** PEM file with the authorities that may sign the server's certificate, instead of the usual ones. */
  readonly caFile?: string;
  /** PEM files of our own certificate and its key, where the server asks for one. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** Deadline of one request until its last byte; default 120. */
  readonly timeoutSeconds?: number;
  /** Tries in all when the server is busy or down for a moment; default 4. */
  readonly attempts?: number;
  /** Longest window of one request of the query protocol; default 6 hours. */
  readonly windowSeconds?: number;
}
