import { DETECTOR } from './config.ts';
import type { HealthLevel } from './types.ts';

/**
 * Turns the strength of each sample into alerts that have a beginning and an end, for many nodes: opens at the threshold, holds while
 * it stays near it, closes after some quiet samples. One disturbance so gives one alert, not fragments.
 */
export class AlertState {
  readonly #isOpen: Uint8Array;
  readonly #quiet: Uint16Array;

  constructor(nodeCount: number) {
    this.#isOpen = new Uint8Array(nodeCount);
    this.#quiet = new Uint16Array(nodeCount);
  }

  /**
   * Takes up one sample.
   *
   * @param strength - In multiples of the alert threshold; NaN = unknown: never opens an alert, counts as quiet.
   * @param softStrength - Evidence that makes a node suspect and has no part in alerts.
   */
  update(node: number, strength: number, softStrength = 0): HealthLevel {
    if (strength >= 1) this.#isOpen[node] = 1;
    if (this.#isOpen[node] === 1) return this.#hold(node, strength);
    return Math.max(strength, softStrength) >= DETECTOR.suspectRatio ? 'suspect' : 'normal';
  }

  #hold(node: number, strength: number): HealthLevel {
    const quiet = strength >= DETECTOR.holdRatio ? 0 : (this.#quiet[node] as number) + 1;
    this.#quiet[node] = quiet;
    if (quiet < DETECTOR.quietSamples) return 'alert';
    this.reset(node);
    return 'normal';
  }

  /** Closes a node's alert. */
  reset(node: number): void {
    this.#isOpen[node] = 0;
    this.#quiet[node] = 0;
  }
}
