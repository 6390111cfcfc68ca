import type { ModelVersion } from '#registry';
import { renderTable } from '../table.ts';

export function printTrained({ models }: { readonly models: readonly ModelVersion[] }): string {
  const versions = renderTable(
    [
      { header: 'MODEL', value: (row) => row.model },
      { header: 'VERSION', value: (row) => row.version },
      { header: 'ALIAS', value: () => 'champion' },
      { header: 'SCHEMA', value: (row) => row.schemaVersion },
      {
        header: 'SIZE (KIB)',
        value: (row) => row.files.reduce((sum, file) => sum + file.sizeBytes, 0) / 1024,
      },
    ],
    models,
  );
  const metrics = models.flatMap(({ model, metadata }) =>
    Object.entries(metadata.metrics).map(([name, value]) => ({ model, name, value })),
  );
  const measured = renderTable(
    [
      { header: 'MODEL', value: (row) => row.model },
      { header: 'METRIC', value: (row) => row.name },
      { header: 'VALUE', value: (row) => row.value, digits: 3 },
    ],
    metrics,
  );
  return metrics.length === 0 ? versions : `${versions}\n${measured}`;
}
