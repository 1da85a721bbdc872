import { createProducer } from '../src/index.js';
import { ConfigurationError } from '../src/errors.js';
import { namedOwnerSchema } from '../src/api/access/api-key.js';
import { connectionOptions, createContext, producerOptions, findRedis } from './context.js';
import { parseTimeout, printSubmission } from './print-submission.js';
import type { WaitFlags } from './print-submission.js';
import { wholeNumber } from './whole-number.js';

export interface SubmitFlags extends WaitFlags {
  readonly params: string;
  readonly idempotencyKey?: string;
  readonly owner?: string;
  readonly delay?: string;
  readonly runAt?: string;
  readonly priority?: string;
}

/** `tally submit`: sends one update and prints what became of it. */
export async function submit(operation: string, flags: SubmitFlags): Promise<void> {
  const context = createContext(process.stderr);
  const params = parseParams(flags.params);
  const timeoutMs = parseTimeout(flags.timeout);
  const idempotencyOwner = parseOwner(flags.owner);
  const timing = parseTiming(flags);
  const producer = createProducer({
    ...connectionOptions(context, findRedis(context)),
    ...producerOptions(context),
    ...(idempotencyOwner !== undefined && { idempotencyOwner }),
  });
  try {
    // The operation is the user's word: the producer checks it, not the compiler.
    const update = { operation, params, idempotencyKey: flags.idempotencyKey, ...timing } as {
      operation: 'counter.increment';
      params: { key: string };
    };
    const submission = await producer.submit(update);
    await printSubmission(submission, flags, timeoutMs);
  } finally {
    await producer.close();
  }
}

/** @throws ConfigurationError */
export function parseOwner(text: string | undefined): string | undefined {
  const parsed = namedOwnerSchema.optional().safeParse(text);
  if (!parsed.success) {
    throw new ConfigurationError(`--owner ${parsed.error.issues[0]?.message ?? 'is not valid'}`);
  }
  return parsed.data;
}

/** The rest is the producer's to check. */
function parseTiming({ delay, runAt, priority }: SubmitFlags) {
  return {
    ...(delay !== undefined && { delayMs: wholeNumber('--delay', delay, { of: 'ms' }) }),
    ...(runAt !== undefined && { runAt }),
    ...(priority !== undefined && { priority: wholeNumber('--priority', priority) }),
  };
}

function parseParams(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigurationError(
      `--params is not JSON (${(error as Error).message}); for example --params '{"key":"count","by":5}'`,
      { cause: error },
    );
  }
}
