export { serveAnomaly } from './adapters/anomaly.ts';
export { serveBooster } from './adapters/booster.ts';
export { serveForecast } from './adapters/forecast.ts';
export { servePlacement } from './adapters/placement.ts';
export type { ServedModel } from './model.ts';
export type { ModelRepository, ModelSource } from './repository.ts';
export { createInferenceServer } from './server.ts';
export type { InferenceServer, InferenceServerOptions } from './server.ts';
