export { FORECAST_SCHEMA_VERSION, mergeForecasts } from './artefact.ts';
export { fitForecast } from './fit.ts';
export { loadForecaster } from './forecaster.ts';
export type { LoadForecaster } from './forecaster.ts';
export { ROW_ROLES } from './types.ts';
export type { FitEffort, HorizonFit, PredictionRows, TrainingRows } from './types.ts';
