import { HORIZON_MINUTES, LOAD_TARGETS } from '#domain';
import type { LoadTarget, ModelArtefact } from '#domain';
import { FEATURE_COUNT } from '#features';
import { loadForecaster } from '#models/forecast';
import { requestInvalid } from '../errors.ts';
import type { ServedModel } from '../model.ts';
import { floats, toFloats } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';

const BANDS = ['low05', 'median', 'high95'] as const;

/**
 * Serves the load forecast: a row of features a node in, for one resource, and its band at each horizon out.
 *
 * Inputs: `features` FP32 `[nodes, features]` (NaN = unknown), `last_value` and `deviation` FP32 `[nodes]`, all as the feature
 * code gives them; parameter `target`: `cpu` (default) or `memory`. Outputs: `low05`, `median`, `high95` FP32 `[nodes, horizons]`,
 * ratios 0..1 at 5, 15, 30 and 60 minutes; NaN where the model abstains.
 */
export function serveForecast(artefact: ModelArtefact): ServedModel {
  const forecaster = loadForecaster(artefact);
  return {
    platform: 'mlsched_load_forecast',
    inputs: [
      { name: 'features', datatype: 'FP32', shape: [-1, FEATURE_COUNT] },
      { name: 'last_value', datatype: 'FP32', shape: [-1] },
      { name: 'deviation', datatype: 'FP32', shape: [-1] },
    ],
    outputs: BANDS.map((name) => ({ name, datatype: 'FP32', shape: [-1, HORIZON_MINUTES.length] })),
    isBatchable: true,
    infer(inputs, parameters) {
      const target = targetOf(parameters['target']);
      const [values, anchors, deviations] = inputs.map(toFloats) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const rows = anchors.length;
      const bands = HORIZON_MINUTES.map((horizon) =>
        forecaster.predictRows(target, horizon, { rows, values, anchors, deviations }),
      );
      return BANDS.map((name) => byNode(name, rows, bands));
    },
    free: () => forecaster.free(),
  };
}

function targetOf(value: unknown): LoadTarget {
  if (value === undefined) return 'cpu';
  const target = LOAD_TARGETS.find((known) => known === value);
  if (target === undefined) throw requestInvalid(`parameter target is one of ${LOAD_TARGETS.join(', ')}`);
  return target;
}

type Bands = Readonly<Record<(typeof BANDS)[number], Float32Array>>;

/** From one array a horizon to one row a node; a horizon that the model does not know is NaN. */
function byNode(name: (typeof BANDS)[number], rows: number, bands: readonly (Bands | undefined)[]): Tensor {
  const width = bands.length;
  const out = new Float32Array(rows * width).fill(Number.NaN);
  for (const [horizon, band] of bands.entries()) {
    if (band === undefined) continue;
    for (let row = 0; row < rows; row++) out[row * width + horizon] = band[name][row] as number;
  }
  return floats(name, out, [rows, width]);
}
