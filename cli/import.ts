import { createProducer } from '../src/index.js';
import { ConfigurationError, OutcomeTimeoutError } from '../src/errors.js';
import { InstallationMark } from '../src/redis/installation.js';
import { refusalOf } from '../src/redis/refusal.js';
import { toMs } from '../src/redis/server-time.js';
import { describeTarget } from '../src/redis/target.js';
import type { RedisTarget } from '../src/redis/target.js';
import { progress } from '../loadtest/progress.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';
import type { Context } from './context.js';
import { checkFile, keyOfRow } from './import/check-file.js';
import type { FileFlags, Import } from './import/check-file.js';
import { ImportRecord } from './import/import-record.js';
import type { ImportProgress } from './import/import-record.js';
import { addCounts, exitCodeOf, inWords, RejectedRows } from './import/row-outcomes.js';
import type { StatusCounts } from './import/row-outcomes.js';
import { readRows } from './import/rows.js';
import { RowSender } from './import/send-rows.js';
import { parseTimeout } from './print-submission.js';
import { withStore } from './stores.js';
import { count, number } from './words.js';

export interface ImportFlags extends FileFlags {
  readonly dryRun?: true;
  readonly rejects?: string;
  readonly timeout: string;
}

const REPORT_EVERY_MS = 1_000;

/** `tally import`: submits an update for each row of a file, once, however often it is run. */
export async function importFile(path: string, flags: ImportFlags): Promise<void> {
  const context = createContext(process.stderr);
  const { TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix } = context.config;
  const plan = await checkFile(path, flags, { namespace, prefix, operations: context.operations });
  if (flags.dryRun) {
    console.log(`${count(plan.rows, 'row')} can be imported; nothing was`);
    return;
  }
  const target = findRedis(context);
  const { installation, aheadMs } = await ask(context, target);
  const address = describeTarget(target).replace('***@', ''); // whoever asks
  const record = new ImportRecord(context.config.TALLY_DATA_DIR, plan.id, { installation, address });
  const before = record.read();
  if (before?.isComplete) {
    const what = `was imported into ${address} already: ${inWords(before.outcomes)}`;
    console.log(`${path} ${what}; to import it once more, give it another name by --id`);
    process.exitCode = exitCodeOf(before.outcomes);
    return;
  }
  if (before !== undefined) {
    requireRemembered(before, performance.now() + aheadMs, context);
  }
  const outcomes = await sendAll(plan, before, { flags, context, target, record, aheadMs });
  console.log(inWords(outcomes));
  process.exitCode = exitCodeOf(outcomes);
}

/** Which installation a Redis has, if this user may know it, and by how much its time is ahead of `performance.now()`. */
function ask(context: Context, target: RedisTarget): Promise<{ installation: string | undefined; aheadMs: number }> {
  return withStore(context, target, async ({ redis, keys }) => {
    const aheadMs = toMs(await redis.time()) - performance.now();
    const mark = new InstallationMark(redis, keys);
    try {
      return { installation: ((await mark.read()) ?? (await mark.make())).id, aheadMs };
    } catch (error) {
      if (refusalOf(error)?.code !== 'NOPERM') {
        throw error;
      }
      return { installation: undefined, aheadMs };
    }
  });
}

/** What was sent and not confirmed would be applied once more when its idempotency keys are forgotten. */
function requireRemembered({ done, sentAtMs }: ImportProgress, nowMs: number, { config }: Context) {
  const windowMs = config.TALLY_IDEMPOTENCY_WINDOW_MS;
  if (nowMs > sentAtMs + windowMs) {
    throw new ConfigurationError(
      `the import broke off after row ${done}, longer ago than idempotency keys are remembered: rows after it may have been ` +
        'applied. Find out which, take those that were out of the file, and import that',
    );
  }
}

interface Run {
  readonly flags: ImportFlags;
  readonly context: Context;
  readonly target: RedisTarget;
  readonly record: ImportRecord;
  /** By how much Redis' time is ahead of `performance.now()`. */
  readonly aheadMs: number;
}

/** @returns what became of all rows, those that an earlier run has sent among them */
async function sendAll(
  plan: Import,
  before: ImportProgress | undefined,
  { flags, context, target, record, aheadMs }: Run,
): Promise<StatusCounts> {
  const { path, rows, operation, id } = plan;
  const { done: skip, outcomes: earlier } = before ?? { done: 0, outcomes: {} };
  const rejected = new RejectedRows(flags.rejects);
  const producer = createProducer({ ...connectionOptions(context, target), ...producerOptions(context) });
  const shown = progress();
  const startedAt = performance.now();
  let savedAt = -Infinity;
  const save = (done: number, outcomes: StatusCounts, sentAt: number) => {
    record.write({ file: path, done, outcomes, sentAtMs: sentAt + aheadMs, isComplete: false });
  };
  const sender = new RowSender(producer, parseTimeout(flags.timeout), {
    outcome: (line, outcome) => {
      rejected.tell(line, outcome);
    },
    progress: ({ done, outcomes, sentAt }) => {
      if (performance.now() - savedAt > REPORT_EVERY_MS) {
        savedAt = performance.now();
        save(skip + done, addCounts(earlier, outcomes), sentAt);
        const perSecond = Math.round((done * 1_000) / (performance.now() - startedAt));
        shown.report(`${number(skip + done)} of ${count(rows, 'row')}, ${number(perSecond)} a second`);
      }
    },
  });
  save(skip, earlier, startedAt);
  try {
    let row = 0;
    for await (const some of readRows(path, plan.form, () => undefined)) {
      for (const each of some) {
        row += 1;
        if (row > skip) {
          const update = { operation, params: plan.reader.paramsOf(each), idempotencyKey: keyOfRow(id, row) };
          const room = sender.send({ line: each.line, update });
          if (room !== undefined) {
            await room;
          }
        }
      }
    }
    const outcomes = addCounts(earlier, await sender.end());
    const sentAtMs = performance.now() + aheadMs;
    record.write({ file: path, done: rows, outcomes, sentAtMs, isComplete: true });
    return outcomes;
  } catch (error) {
    throw brokenOff(error);
  } finally {
    shown.done();
    await producer.close(); // until then outcomes come
    rejected.close();
  }
}

function brokenOff(error: unknown): Error {
  const why =
    error instanceof OutcomeTimeoutError
      ? 'outcomes are not told in time (does a worker run?)'
      : (error as Error).message;
  return new Error(`the import broke off: ${why}. Run the same command again: it goes on, and applies nothing twice`, {
    cause: error,
  });
}
