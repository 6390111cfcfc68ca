const FORM = /^(?<sign>[+-]?)(?<whole>\d*)(?:\.(?<part>\d*))?(?<suffix>[a-zA-Z]{0,2}|[eE][+-]?\d+)$/;

/** Power of ten of each decimal suffix. */
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
/** Power of two of each binary suffix. */
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

/** Far beyond what Kubernetes accepts; keeps the arithmetic small whatever is sent. */
const MAX_EXPONENT = 64;
const MAX_DIGITS = 64;
const CACHE_SIZE = 10_000;

/** `numerator / 10^places`, exactly. */
interface Quantity {
  readonly numerator: bigint;
  readonly places: number;
}

/**
 * Reads a Kubernetes quantity exactly (k8s.io/apimachinery/pkg/api/resource: decimal, binary and exponent forms).
 *
 * @returns Undefined when it is none.
 */
function parse(text: string): Quantity | undefined {
  const { sign, whole = '', part = '', suffix = '' } = FORM.exec(text)?.groups ?? {};
  const digits = whole + part;
  const scale = scaleOf(suffix);
  if (digits === '' || digits.length > MAX_DIGITS || scale === undefined) return undefined;
  const magnitude = BigInt(digits) << BigInt(scale.bits);
  const places = part.length - scale.exponent;
  const numerator = places < 0 ? magnitude * 10n ** BigInt(-places) : magnitude;
  return { numerator: sign === '-' ? -numerator : numerator, places: Math.max(0, places) };
}

/** A suffix as powers of two and ten; undefined for an unknown one. */
function scaleOf(suffix: string): { readonly bits: number; readonly exponent: number } | undefined {
  const bits = BINARY[suffix];
  if (bits !== undefined) return { bits, exponent: 0 };
  const exponent = /^[eE][+-]?\d+$/.test(suffix) ? Number(suffix.slice(1)) : DECIMAL[suffix];
  return exponent === undefined || Math.abs(exponent) > MAX_EXPONENT ? undefined : { bits: 0, exponent };
}

/** The value times `10^scale`, rounded up to a whole number as Kubernetes does. */
function roundedUp({ numerator, places }: Quantity, scale: number): number {
  if (places <= scale) return Number(numerator * 10n ** BigInt(scale - places));
  const divisor = 10n ** BigInt(places - scale);
  const whole = numerator / divisor;
  return Number(numerator > 0n && whole * divisor !== numerator ? whole + 1n : whole);
}

/** A parser that remembers: a cluster has few different amounts, each written many thousand times. */
function remembered(read: (quantity: Quantity) => number): (value: unknown) => number {
  const cache = new Map<string, number>();
  return (value) => {
    if (typeof value !== 'string' && typeof value !== 'number') return Number.NaN;
    const text = String(value);
    const known = cache.get(text);
    if (known !== undefined) return known;
    const quantity = parse(text);
    const result = quantity === undefined ? Number.NaN : read(quantity);
    if (cache.size >= CACHE_SIZE) cache.clear();
    cache.set(text, result);
    return result;
  };
}

/** Thousandths of a quantity, rounded up (Go: `MilliValue`): `"100m"` and `0.1` are 100. NaN for what is no quantity. */
export const quantityMillis: (value: unknown) => number = remembered((quantity) => roundedUp(quantity, 3));

/** A quantity as a whole number, rounded up (Go: `Value`): `"1Ki"` is 1024. NaN for what is no quantity. */
export const quantityValue: (value: unknown) => number = remembered((quantity) => roundedUp(quantity, 0));

/** Thousandths of a quantity, not rounded beyond nanos: measured use, `"1234567n"` is 1.234567. NaN for what is no quantity. */
export const quantityMillisExact: (value: unknown) => number = remembered(
  (quantity) => roundedUp(quantity, 9) / 1e6,
);
