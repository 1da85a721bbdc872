import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { Report } from '../../progress.js';
import { startRole } from '../roles.js';

/** What `tally import` does in a second. */
export interface Imported {
  readonly format: 'CSV' | 'NDJSON';
  readonly rows: number;
  /** From the start of the command to its end, the last outcome included. */
  readonly seconds: number;
}

const ROWS = 200_000;

const [COMMAND, SUFFIX] = import.meta.url.endsWith('.ts') ? [process.execArgv, 'ts'] : [[], 'js'];
const TALLY = fileURLToPath(new URL(`../../../cli/main.${SUFFIX}`, import.meta.url));

/** Imports a file of each format, with a worker in a process of its own. */
export async function measureImport(
  redisUrl: string,
  { scale, report }: { scale: number; report: Report },
): Promise<Imported[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-bench-import-'));
  const redis = new Redis(redisUrl);
  await redis.flushall();
  const worker = await startRole({ role: 'tally-worker', redisUrl });
  const rows = Math.ceil(ROWS * scale);
  try {
    const found: Imported[] = [];
    for (const format of ['CSV', 'NDJSON'] as const) {
      report(`import: ${rows.toLocaleString('en')} rows of ${format}`);
      const file = join(folder, `stock.${format.toLowerCase()}`);
      writeFileSync(file, contentOf(format, rows));
      const startedAt = performance.now();
      await runImport(redisUrl, folder, file);
      found.push({ format, rows, seconds: (performance.now() - startedAt) / 1_000 });
      const last = await redis.get(keyOf(format, rows - 1));
      if (last !== String(rows - 1)) {
        throw new Error(`the last row of ${format} was not imported: its stock is ${last ?? 'missing'}`);
      }
    }
    return found;
  } finally {
    await worker.stop();
    redis.disconnect();
    rmSync(folder, { recursive: true });
  }
}

const keyOf = (format: Imported['format'], number: number) => `stock-${format}:${number}`;

function contentOf(format: Imported['format'], rows: number): string {
  const lines = Array.from({ length: rows }, (_, number) =>
    format === 'CSV'
      ? `${keyOf(format, number)},${number}`
      : JSON.stringify({ key: keyOf(format, number), value: number }),
  );
  return `${[...(format === 'CSV' ? ['key,value'] : []), ...lines].join('\n')}\n`;
}

async function runImport(redisUrl: string, folder: string, file: string): Promise<void> {
  const child = spawn(process.execPath, [...COMMAND, TALLY, 'import', file, '--operation', 'counter.set'], {
    env: { PATH: process.env['PATH'], REDIS_URL: redisUrl, TALLY_DATA_DIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number | null]>]);
  if (code !== 0) {
    throw new Error(`the import ended with ${code ?? 'a signal'}: ${errors}`);
  }
}
