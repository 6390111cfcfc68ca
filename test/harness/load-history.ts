import { join } from 'node:path';
import type { RawLoadSeries } from '#domain';
import { writeParquet } from '#platform/files';

/** Writes series as the load files of a folder, one a machine. */
export async function writeHistory(folder: string, series: readonly RawLoadSeries[]): Promise<void> {
  for (const { machine, timesMs, cpuUsageRatio, memoryUsageRatio } of series) {
    await writeParquet(join(folder, `${machine}.parquet`), [
      {
        name: 'machine',
        type: 'text',
        values: { dictionary: [machine], codes: new Int32Array(timesMs.length) },
      },
      { name: 'time', type: 'time', values: timesMs },
      { name: 'cpu_usage_ratio', type: 'float', values: cpuUsageRatio },
      { name: 'memory_usage_ratio', type: 'float', values: memoryUsageRatio as Float32Array },
    ]);
  }
}
