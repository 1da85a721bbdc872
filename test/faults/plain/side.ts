import { CHANGES } from '../../../loadtest/plain-bullmq/scripts.js';
import type { Side } from '../side.js';

/** A plain BullMQ worker and producer, for comparison. */
export const PLAIN_BULLMQ: Side = {
  name: 'plain-bullmq',
  isJudged: false,
  applyShas: [CHANGES.sha],
  workerProgram: new URL('worker.ts', import.meta.url),
  producerProgram: new URL('producer.ts', import.meta.url),
};
