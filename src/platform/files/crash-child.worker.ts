/**
 * The victim of the crash and disk-full tests: `crash-child.worker.ts MODE TARGET`.
 * `json` and `parquet` overwrite the target for ever; `json-once` and `parquet-once` try once with a megabyte
 * and print the outcome.
 */
import { isMlschedError } from '#kernel/errors';
import { sha256, writeFileAtomic, writeParquet } from './index.ts';

const [mode = '', target = ''] = process.argv.slice(2);

/** A body of changing size behind its own checksum, so that a torn file shows. */
async function writeText(round: number, bytes: number): Promise<void> {
  const body = `${round}:`.repeat(Math.ceil(bytes / `${round}:`.length));
  await writeFileAtomic(target, `${sha256(body)}\n${body}`);
}

async function writeTable(round: number, rows: number): Promise<void> {
  const values = Float64Array.from({ length: rows }, (_, i) => round + i * Math.SQRT2);
  const codes = new Int32Array(rows);
  await writeParquet(target, [
    { name: 'value', type: 'double', values },
    { name: 'round', type: 'text', values: { codes, dictionary: [String(round)] } },
  ]);
}

const write = mode.startsWith('json') ? writeText : writeTable;
if (mode.endsWith('-once')) {
  try {
    await write(1, 1_000_000);
    process.stdout.write('written');
  } catch (error) {
    process.stdout.write(isMlschedError(error) ? error.code : String(error));
  }
} else {
  for (let round = 0; ; round++) {
    await write(round, 50_000 + ((round * 7919) % 400_000));
    process.stdout.write('.');
  }
}
