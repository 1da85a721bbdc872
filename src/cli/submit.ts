import { createProducer } from '../index.js';
import type { Outcome, Submission } from '../index.js';
import { ConfigurationError } from '../errors.js';
import { connectionOptions, createContext, durabilityOptions, findRedis } from './context.js';

export interface SubmitFlags {
  readonly params: string;
  readonly idempotencyKey?: string;
  readonly wait?: true;
  readonly timeout: string;
  readonly json?: true;
}

/** `tally submit`: sends one update and prints what became of it. */
export async function submit(operation: string, flags: SubmitFlags): Promise<void> {
  const context = createContext(process.stderr);
  const params = parseParams(flags.params);
  const timeoutMs = parseTimeout(flags.timeout);
  const producer = createProducer({ ...connectionOptions(context, findRedis(context)), ...durabilityOptions(context) });
  try {
    // The operation is the user's word: the producer checks it, not the compiler.
    const update = { operation, params, idempotencyKey: flags.idempotencyKey } as {
      operation: 'counter.increment';
      params: { key: string };
    };
    const submission = await producer.submit(update);
    const outcome = flags.wait ? await submission.outcome({ timeoutMs }) : undefined;
    print(submission, outcome, flags.json === true);
    process.exitCode = outcome === undefined || outcome.status === 'applied' ? 0 : 1;
  } finally {
    await producer.close();
  }
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
    case 'failed':
      console.log(`${answer.status} ${answer.reason}: ${answer.message}${duplicate}`);
  }
}
