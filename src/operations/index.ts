export { renderDemoReport } from './report/report.ts';
export type { AnomalyTimeline, DemoReport, StepRun } from './report/types.ts';
