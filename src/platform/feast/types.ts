/** A feature view as a client must know it. */
export interface OnlineView {
  readonly name: string;
  /** Columns that name an entity; all are text. */
  readonly joinKeys: readonly string[];
  /** Names of the features. */
  readonly features: readonly string[];
  /** A row older than this is stale. */
  readonly ttlSeconds: number;
}

/** Values of the join keys of one entity, in the order of the view's `joinKeys`. */
export type EntityName = readonly string[];

export interface ReadRequest {
  readonly view: OnlineView;
  /** Features wanted; all of the view when absent. */
  readonly features?: readonly string[];
  readonly entities: readonly EntityName[];
  /** Moment at which freshness is judged. */
  readonly nowMs: number;
}

/** What is in the store for an entity: a row in time, one that is too old, or none. */
export type RowState = 'fresh' | 'stale' | 'missing';

/** Online features of some entities. */
export interface OnlineRows {
  /** Row-major, shape `[entities, features]`; NaN is unknown, also in a whole row that is stale or missing. */
  readonly values: Float64Array;
  /** Event time of each entity's row, milliseconds; NaN when there is none. */
  readonly eventMs: Float64Array;
  readonly states: readonly RowState[];
}

export interface WriteRequest {
  readonly view: OnlineView;
  readonly entities: readonly EntityName[];
  /** Event time of each row. */
  readonly eventMs: Float64Array;
  /** Row-major, shape `[entities, view.features]`; NaN is unknown. */
  readonly values: Float32Array;
}

export interface WriteReport {
  readonly rows: number;
  /** Rows left out because the store holds a newer one or the same; undefined when the server does not tell. */
  readonly skipped: number | undefined;
}

/** An online feature store in Feast's layout. Both implementations give equal answers on the same store. */
export interface FeatureStore {
  readonly mode: 'redis' | 'http';
  /**
   * @throws MlschedError `MLS_FEAST_UNKNOWN_FEATURE`, `MLS_FEAST_SHAPE`, and those of the connection.
   */
  read(request: ReadRequest): Promise<OnlineRows>;
  /**
   * Stores rows; one that is no newer than what is there changes nothing.
   *
   * @throws MlschedError `MLS_FEAST_SHAPE`, and those of the connection.
   */
  write(request: WriteRequest): Promise<WriteReport>;
  close(): Promise<void>;
}
