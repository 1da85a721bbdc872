import { createRequire } from 'node:module';
import type * as IoRedis from 'ioredis';

const require = createRequire(import.meta.url);

/** By `require`, since it is CommonJS: an `import` takes twice as long, see `src/bullmq/bullmq.ts`. */
export const { Cluster, Redis } = require('ioredis') as typeof IoRedis;
export type Cluster = IoRedis.Cluster;
export type Redis = IoRedis.Redis;
