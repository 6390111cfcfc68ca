/** Why a number is not known. "Unknown" is a value of its own and never becomes 0. */
export type UnknownReason =
  | 'missing'
  | 'stale'
  | 'incomplete'
  | 'not-a-number'
  | 'out-of-range'
  | 'too-little-history'
  | 'no-model'
  | 'schema-mismatch';

/** A number together with how far it can be trusted, or the reason why there is none. */
export type Measured =
  | {
      readonly kind: 'known';
      readonly value: number;
      /** Seconds between the newest sample behind the value and the moment it is used. */
      readonly ageSeconds: number;
      /** Share of the expected samples that were there, 0..1. */
      readonly completenessRatio: number;
    }
  | { readonly kind: 'unknown'; readonly reason: UnknownReason };

export function known(value: number, ageSeconds = 0, completenessRatio = 1): Measured {
  return Number.isFinite(value)
    ? { kind: 'known', value, ageSeconds, completenessRatio }
    : { kind: 'unknown', reason: 'not-a-number' };
}

export function unknown(reason: UnknownReason): Measured {
  return { kind: 'unknown', reason };
}
