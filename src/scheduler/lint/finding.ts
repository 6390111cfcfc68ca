/** Something in a configuration that will hurt. */
export interface ConfigFinding {
  readonly level: 'ERROR' | 'WARNING';
  /** Stable name of the rule. */
  readonly rule: string;
  /** Where it stands, as keys and positions. */
  readonly at: string;
  readonly problem: string;
  readonly advice: string;
}
