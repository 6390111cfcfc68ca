import type { Rng } from '#kernel/rng';
import { FORECAST_VALUES_PER_NODE, unknownSignals } from '#models/placement';
import type { NodeSignals } from '#models/placement';

import type { SignalSource } from './node-signals.ts';

/** Deals each tick's forecasts to randomly chosen other nodes; health stays where it belongs. */
export function createShuffledForecasts(source: SignalSource, rng: Rng): SignalSource {
  let shuffled = unknownSignals(0);
  let order = new Int32Array(0);
  return {
    refresh(view) {
      const signals = source.refresh(view);
      if (order.length !== view.nodeCount) {
        shuffled = unknownSignals(view.nodeCount);
        order = Int32Array.from({ length: view.nodeCount }, (_, node) => node);
      }
      rng.shuffle(order);
      copyRows(signals, shuffled, order);
      shuffled.health.set(signals.health);
      return shuffled;
    },
  };
}

function copyRows(from: NodeSignals, to: NodeSignals, order: Int32Array): void {
  const width = FORECAST_VALUES_PER_NODE;
  order.forEach((source, node) => {
    const row = source * width;
    to.cpuForecastRatio.set(from.cpuForecastRatio.subarray(row, row + width), node * width);
    to.memoryForecastRatio.set(from.memoryForecastRatio.subarray(row, row + width), node * width);
  });
}
