export { renderDemoReport } from './report/report.ts';
export { renderSimulationReport } from './report/simulation-report.ts';
export type { AnomalyTimeline, DemoReport, StepRun } from './report/types.ts';
export { renderForecastReport } from './report/forecast-report.ts';
export type { ForecastReport } from './report/forecast-report.ts';
export { measureBaseline } from './baseline/measure.ts';
export { readBaselineInput } from './baseline/read.ts';
export { renderBaseline } from './baseline/render.ts';
export type { BaselineReport } from './baseline/types.ts';
