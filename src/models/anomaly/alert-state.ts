import { DETECTOR } from './config.ts';
import type { HealthLevel } from './types.ts';

/**
 * Turns votes into alerts that have a beginning and an end, for many nodes: opens at the threshold, holds while
 * votes stay near it, closes after some quiet samples. One disturbance so gives one alert, not fragments.
 */
export class AlertState {
  readonly #alertVotes: number;
  readonly #isOpen: Uint8Array;
  readonly #quiet: Uint16Array;

  constructor(alertVotes: number, nodeCount: number) {
    this.#alertVotes = alertVotes;
    this.#isOpen = new Uint8Array(nodeCount);
    this.#quiet = new Uint16Array(nodeCount);
  }

  /**
   * Takes up one sample's votes.
   *
   * @param votes - NaN = unknown: never opens an alert, counts as quiet.
   */
  update(node: number, votes: number): HealthLevel {
    if (votes >= this.#alertVotes) this.#isOpen[node] = 1;
    if (this.#isOpen[node] === 1) return this.#hold(node, votes);
    return votes >= DETECTOR.suspectRatio * this.#alertVotes ? 'suspect' : 'normal';
  }

  #hold(node: number, votes: number): HealthLevel {
    const quiet = votes >= DETECTOR.holdRatio * this.#alertVotes ? 0 : (this.#quiet[node] as number) + 1;
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
