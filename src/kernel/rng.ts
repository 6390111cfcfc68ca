/** A seeded stream of random numbers. The same seed gives the same stream on every machine. */
export interface Rng {
  /** Uniform in [0, 1), 53-bit resolution. */
  next(): number;
  /** Uniform integer in [0, bound). */
  int(bound: number): number;
  /** Standard normal deviate. */
  normal(): number;
  /** Shuffles in place (Fisher-Yates) and returns the array. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T;
  /** An independent stream for one purpose: drawing from it never disturbs this one. */
  fork(purpose: string): Rng;
}

/** FNV-1a, 32 bits: spreads names into seeds and stable buckets. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

function splitMix32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
}

/**
 * Creates a stream (sfc32, Doty-Humphrey's small fast counter; passes PractRand) from a 32-bit seed.
 *
 * @param seed - Any integer; only its low 32 bits count.
 */
export function createRng(seed: number): Rng {
  const mix = splitMix32(seed);
  let a = mix();
  let b = mix();
  let c = mix();
  let counter = 1;
  const next32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  const next = (): number => (next32() * 0x200000 + (next32() >>> 11)) / 0x20000000000000;
  const rng: Rng = {
    next,
    int: (bound) => Math.floor(next() * bound),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    shuffle(items) {
      for (let i = items.length - 1; i > 0; i--) {
        const j = Math.floor(next() * (i + 1));
        const held = items[i];
        items[i] = items[j];
        items[j] = held;
      }
      return items;
    },
    fork: (purpose) => createRng((seed ^ hashText(purpose)) >>> 0),
  };
  // The first outputs still show the seed.
  for (let i = 0; i < 12; i++) rng.next();
  return rng;
}
