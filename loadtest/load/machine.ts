import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { z } from 'zod';
import type { ServerFacts } from '../../src/redis/requirements.js';
import type { Machine } from './result.js';

const PACKAGE = new URL(
  import.meta.url.endsWith('.ts') ? '../../package.json' : '../../../package.json',
  import.meta.url,
);

/** Where a load ran. */
export function readMachine(facts: ServerFacts, appendFsync: string | undefined): Machine {
  const { software, version, appendOnly, maxmemoryBytes, usedMemoryBytes, clients } = facts;
  const [{ model } = { model: '' }] = cpus();
  return {
    tally: z.object({ version: z.string() }).parse(JSON.parse(readFileSync(PACKAGE, 'utf8'))).version,
    node: process.version,
    redis: `${software} ${version}`,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    ...(model !== '' && { cpu: model }),
    memoryBytes: totalmem(),
    loadAverage: loadavg()[0] ?? 0,
    redisSettings: {
      appendOnly,
      ...(appendFsync !== undefined && { appendFsync }),
      maxmemoryBytes,
      usedMemoryBytes,
      clients,
    },
  };
}
