import type { Side } from '../side.js';
import { ADD_SHA } from './add-script.js';

/** A plain BullMQ worker and producer, for comparison. */
export const PLAIN_BULLMQ: Side = {
  name: 'plain-bullmq',
  isJudged: false,
  applySha: ADD_SHA,
  workerProgram: new URL('worker.ts', import.meta.url),
  producerProgram: new URL('producer.ts', import.meta.url),
};
