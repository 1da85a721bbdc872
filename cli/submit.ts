import { createProducer } from '../src/index.js';
import type { Outcome, Submission } from '../src/index.js';
import { ConfigurationError } from '../src/errors.js';
import { namedOwnerSchema } from '../src/api/access/api-key.js';
import { connectionOptions, createContext, producerOptions, findRedis } from './context.js';

export interface SubmitFlags {
  readonly params: string;
  readonly idempotencyKey?: string;
  readonly owner?: string;
  readonly delay?: string;
  readonly runAt?: string;
  readonly priority?: string;
  readonly wait?: true;
  readonly timeout: string;
  readonly json?: true;
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
    const outcome = flags.wait ? await submission.outcome({ timeoutMs }) : undefined;
    print(submission, outcome, flags.json === true);
    process.exitCode = exitCodeOf(outcome);
  } finally {
    await producer.close();
  }
}

/** The outcome was not `applied`; it can't be told whether it was. */
const EXIT_FAILED = 1;
const EXIT_UNKNOWN = 4;

function exitCodeOf(outcome: Outcome | undefined): number {
  switch (outcome?.status) {
    case undefined:
    case 'applied':
      return 0;
    case 'rejected':
    case 'conflict':
    case 'cancelled':
    case 'failed':
      return EXIT_FAILED;
    case 'unknown':
      return EXIT_UNKNOWN;
  }
}

function parseOwner(text: string | undefined): string | undefined {
  const parsed = namedOwnerSchema.optional().safeParse(text);
  if (!parsed.success) {
    throw new ConfigurationError(`--owner ${parsed.error.issues[0]?.message ?? 'is not valid'}`);
  }
  return parsed.data;
}

/** The rest is the producer's to check. */
function parseTiming({ delay, runAt, priority }: SubmitFlags) {
  const number = (flag: string, text: string): number => {
    if (!/^\d+$/.test(text)) {
      throw new ConfigurationError(`${flag} must be a whole number, but is "${text}"`);
    }
    return Number(text);
  };
  return {
    ...(delay !== undefined && { delayMs: number('--delay', delay) }),
    ...(runAt !== undefined && { runAt }),
    ...(priority !== undefined && { priority: number('--priority', priority) }),
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

function parseTimeout(text: string): number {
  const timeoutMs = Number(text);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 86_400_000) {
    throw new ConfigurationError(`--timeout must be a whole number of ms from 1 to 86400000, but is "${text}"`);
  }
  return timeoutMs;
}

function print({ id, jobId }: Submission, outcome: Outcome | undefined, asJson: boolean): void {
  const answer = outcome ?? { status: 'accepted' as const };
  if (asJson) {
    console.log(JSON.stringify({ id, jobId, ...answer }));
    return;
  }
  const duplicate = 'duplicate' in answer ? ' (sent before)' : '';
  switch (answer.status) {
    case 'accepted':
      console.log(`accepted ${id}`);
      break;
    case 'applied':
      console.log(`applied ${JSON.stringify(answer.result)}${duplicate}`);
      break;
    case 'rejected':
    case 'conflict':
    case 'cancelled':
    case 'failed':
    case 'unknown':
      console.log(`${answer.status} ${answer.reason}: ${answer.message}${duplicate}`);
  }
}
