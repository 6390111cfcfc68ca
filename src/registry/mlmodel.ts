import { stringify } from 'yaml';

import type { ModelArtefact } from '#domain';

/** XGBoost's own files are readable by each version from here on. */
const XGBOOST_VERSION = '3.2.0';

/**
 * MLflow's description of a model folder, so that its own tools can load what is in there: the first booster of a forecast
 * as flavour `xgboost`, the policy of a placement model as `onnx`.
 *
 * @returns The YAML of an `MLmodel` file.
 */
export function describeForMlflow(artefact: ModelArtefact, runId: string): Uint8Array {
  const names = [...artefact.files.keys()].sort();
  const booster = names.find((name) => name.endsWith('.ubj'));
  const network = names.find((name) => name.endsWith('.onnx'));
  const document = {
    artifact_path: 'model',
    run_id: runId,
    flavors: {
      ...(booster && {
        xgboost: {
          data: booster,
          model_class: 'xgboost.core.Booster',
          model_format: 'ubj',
          xgb_version: XGBOOST_VERSION,
        },
      }),
      ...(network && { onnx: { data: network, onnx_version: '1.0', providers: ['CPUExecutionProvider'] } }),
      mlsched: { model: artefact.model, schema_version: artefact.schemaVersion, files: names },
    },
  };
  return new TextEncoder().encode(stringify(document));
}
