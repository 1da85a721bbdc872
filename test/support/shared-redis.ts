import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';
import { otherServers } from './other-servers.js';
import { startCluster } from './topology/cluster.js';
import { startSentinel } from './topology/sentinel.js';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
  }
}

/** A Redis for all tests, and where the programs of those are found that start one of their own. */
interface SharedRedis {
  readonly url: string;
  readonly path?: string;
  stop(): Promise<void>;
}

/** What tests run against, by TEST_REDIS. */
const KINDS: Readonly<Record<string, () => Promise<SharedRedis>>> = {
  server: startServer,
  ...Object.fromEntries(otherServers().map(({ name, program }) => [name, () => startOther(program)])),
  cluster: startCluster,
  sentinel: startSentinel,
};

/** One Redis for all tests; each test has names of its own in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { env } = project.config;
  const kind = String(env['TEST_REDIS']);
  const redis = await KINDS[kind]?.();
  if (redis === undefined) {
    throw new Error(`TEST_REDIS is "${kind}": give one of ${Object.keys(KINDS).join(', ')}`);
  }
  if (redis.path !== undefined) {
    env['PATH'] = redis.path;
  }
  project.provide('redisUrl', redis.url);
  return () => redis.stop();
}

async function startServer(): Promise<SharedRedis> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-test-'));
  const redis = await startEmbeddedRedis({ dataDir });
  return {
    url: redis.url,
    stop: async () => {
      await redis.stop();
      rmSync(dataDir, { recursive: true });
    },
  };
}

/** Tally starts what is called `redis-server`: so this name leads to the other program for as long as these tests run. */
async function startOther(program: string): Promise<SharedRedis> {
  const programs = mkdtempSync(join(tmpdir(), 'tally-programs-'));
  writeFileSync(join(programs, 'redis-server'), `#!/bin/sh\nexec '${program}' "$@"\n`, { mode: 0o755 });
  const path = `${programs}${delimiter}${process.env['PATH'] ?? ''}`;
  const before = process.env['PATH'];
  process.env['PATH'] = path;
  const server = await startServer().finally(() => {
    process.env['PATH'] = before;
  });
  return {
    url: server.url,
    path,
    stop: async () => {
      await server.stop();
      rmSync(programs, { recursive: true });
    },
  };
}
