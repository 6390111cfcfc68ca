export { renderDemoReport } from './report/report.ts';
export type { AnomalyTimeline, DemoReport, ForecastTrace, LearningPoint } from './report/types.ts';
