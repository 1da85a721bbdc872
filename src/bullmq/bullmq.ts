import { createRequire } from 'node:module';
import type * as BullMQ from 'bullmq';

const require = createRequire(import.meta.url);

/**
 * Loaded with the first queue or worker: who only reads has none. By `require`, since it is CommonJS: before an `import`, Node would
 * look for the names that each of its 170 files exports, which takes as long as to run them.
 */
export const bullmq = (): typeof BullMQ => (loaded ??= require('bullmq') as typeof BullMQ);

let loaded: typeof BullMQ | undefined;
