import { renderTable } from '../table.ts';

interface Built {
  readonly views: Readonly<
    Record<
      string,
      {
        readonly version: string;
        readonly stepSeconds: number;
        readonly entities: number;
        readonly rows: number;
        readonly startMs: number;
        readonly endMs: number;
      }
    >
  >;
}

export function printBuilt(built: Built): string {
  const time = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
  return renderTable(
    [
      { header: 'VIEW', value: ([name]) => name },
      { header: 'ENTITIES', value: ([, view]) => view.entities },
      { header: 'ROWS', value: ([, view]) => view.rows },
      { header: 'STEP (S)', value: ([, view]) => view.stepSeconds },
      { header: 'FROM (UTC)', value: ([, view]) => time(view.startMs) },
      { header: 'TO (UTC)', value: ([, view]) => time(view.endMs) },
      { header: 'VERSION', value: ([, view]) => view.version },
    ],
    Object.entries(built.views),
  );
}
