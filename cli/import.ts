import { createProducer } from '../src/index.js';
import { ConfigurationError, OutcomeTimeoutError } from '../src/errors.js';
import { connectPromptly } from '../src/redis/connect.js';
import { toMs } from '../src/redis/server-time.js';
import { progress } from '../loadtest/progress.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';
import type { Context } from './context.js';
import { checkFile } from './import/check-file.js';
import type { FileFlags, Import } from './import/check-file.js';
import { ImportRecord } from './import/import-record.js';
import { OutcomeTally } from './import/outcome-tally.js';
import { readRows } from './import/rows.js';
import { RowSender } from './import/send-rows.js';
import { parseTimeout } from './print-submission.js';
import { count, number } from './words.js';

export interface ImportFlags extends FileFlags {
  readonly dryRun?: true;
  readonly rejects?: string;
  readonly timeout: string;
}

const REDIS_TIMEOUT_MS = 5_000;
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
  const record = new ImportRecord(context.config.TALLY_DATA_DIR, plan.id);
  const before = record.read();
  if (before?.isComplete) {
    console.log(`${path} was imported already; to import it once more, give it another name by --id`);
    return;
  }
  const connection = connectPromptly(findRedis(context), 'tally-import', REDIS_TIMEOUT_MS, context.logger);
  let clock: () => number;
  try {
    const aheadMs = toMs(await connection.time()) - performance.now();
    clock = () => performance.now() + aheadMs;
  } finally {
    connection.disconnect();
  }
  if (before !== undefined) {
    requireRemembered(before, clock(), context);
  }
  await sendAll(plan, before?.done ?? 0, { flags, context, record, clock });
}

/** What was sent and not confirmed would be applied once more when its idempotency keys are forgotten. */
function requireRemembered({ done, sentAtMs }: { done: number; sentAtMs: number }, nowMs: number, { config }: Context) {
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
  readonly record: ImportRecord;
  /** Redis' time, in ms. */
  readonly clock: () => number;
}

async function sendAll(plan: Import, skip: number, { flags, context, record, clock }: Run): Promise<void> {
  const { path, rows, operation, id } = plan;
  const producer = createProducer({ ...connectionOptions(context, findRedis(context)), ...producerOptions(context) });
  const tally = new OutcomeTally(flags.rejects);
  const shown = progress();
  const startedAt = performance.now();
  const offsetMs = clock() - startedAt;
  let savedAt = -Infinity;
  const save = (done: number, sentAt: number, isComplete = false) => {
    record.write({ file: path, done, sentAtMs: sentAt + offsetMs, isComplete });
  };
  const sender = new RowSender(producer, parseTimeout(flags.timeout), {
    outcome: (line, outcome) => {
      tally.count(line, outcome);
    },
    progress: ({ done, sentAt }) => {
      if (performance.now() - savedAt > REPORT_EVERY_MS) {
        savedAt = performance.now();
        save(skip + done, sentAt);
        const perSecond = Math.round((done * 1_000) / (performance.now() - startedAt));
        shown.report(`${number(skip + done)} of ${count(rows, 'row')}, ${number(perSecond)} a second`);
      }
    },
  });
  save(skip, startedAt);
  try {
    let row = 0;
    for await (const some of readRows(path, plan.form, () => undefined)) {
      for (const each of some) {
        row += 1;
        if (row > skip) {
          const update = { operation, params: plan.reader.paramsOf(each), idempotencyKey: `${id}:${row}` };
          const room = sender.send({ line: each.line, update });
          if (room !== undefined) {
            await room;
          }
        }
      }
    }
    await sender.end();
    save(rows, performance.now(), true);
  } catch (error) {
    throw brokenOff(error);
  } finally {
    shown.done();
    await Promise.all([producer.close(), tally.close()]);
  }
  tally.print();
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
