import { createProducer } from '../src/index.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';
import { parseTimeout, printSubmission } from './print-submission.js';
import type { WaitFlags } from './print-submission.js';

/** `tally revert`: takes an applied update back by its inverse, once, and prints what became of that. */
export async function revert(id: string, flags: WaitFlags): Promise<void> {
  const context = createContext(process.stderr);
  const timeoutMs = parseTimeout(flags.timeout);
  const producer = createProducer({ ...connectionOptions(context, findRedis(context)), ...producerOptions(context) });
  try {
    await printSubmission(await producer.revert(id), flags, timeoutMs);
  } finally {
    await producer.close();
  }
}
