export { bandPosition, HOT_RATIO, scoreAnnouncements } from './announcement.ts';
export type { AnnouncementScore } from './announcement.ts';
export { FORECAST_SCHEMA_VERSION, mergeForecasts } from './artefact.ts';
export { fitForecast } from './fit.ts';
export type { FeatureContribution, ForecastExplanation } from './explain.ts';
export { forecastImportance } from './importance.ts';
export { loadForecaster } from './forecaster.ts';
export type { LoadForecaster } from './forecaster.ts';
export { createForecastTracker, FALLBACKS } from './tracker.ts';
export type { ForecastTracker, IssuedForecast, TrackedBand, TrackedKey } from './tracker.ts';
export { ROW_ROLES } from './types.ts';
export { DEFAULT_BOOSTING } from './types.ts';
export type {
  FitEffort,
  ForecastBands,
  HorizonFit,
  PredictionRows,
  RowStore,
  TrainingRows,
} from './types.ts';
