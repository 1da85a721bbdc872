import { ConfigurationError } from '../src/errors.js';
import { parseUpdateId } from '../src/jobs/job-id.js';
import { openStore } from '../src/layout/store.js';
import type { Store } from '../src/layout/store.js';
import { createRegistry } from '../src/operations/registry.js';
import { readmit } from '../src/producers/readmit.js';
import type { Readmitted, ReadmitOptions } from '../src/producers/readmit.js';
import { connectionOptions, createContext, findRedis } from './context.js';

export interface ReadmitFlags {
  readonly queue?: string;
  readonly job?: string;
  readonly waiting?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

const TIMEOUT_MS = 20_000;

/** `tally readmit`: gives new stamps to jobs that stood too long. */
export async function readmitJobs(flags: ReadmitFlags): Promise<void> {
  if (flags.job === '' || flags.queue === '') {
    throw new ConfigurationError('--job and --queue must not be empty');
  }
  const context = createContext(process.stderr);
  const { config } = context;
  const queues = queuesOf(flags.queue, createRegistry(context.operations).queues);
  const storeOptions = { connectionName: 'tally-readmit', timeoutMs: TIMEOUT_MS };
  const store = openStore({ ...connectionOptions(context, findRedis(context)), ...storeOptions });
  try {
    const options = {
      queues,
      withWaiting: flags.waiting === true,
      dryRun: flags.dryRun === true,
      windowMs: config.TALLY_IDEMPOTENCY_WINDOW_MS,
    };
    const done = await readmitAll(store, { ...options, jobId: flags.job }, flags);
    if (flags.json) {
      console.log(JSON.stringify(done));
    }
    report(done, flags);
  } finally {
    store.close();
  }
}

/** @throws ConfigurationError for a queue of no operation, in which nothing would ever stand too long */
function queuesOf(queue: string | undefined, known: readonly string[]): readonly string[] {
  if (queue !== undefined && !known.includes(queue)) {
    throw new ConfigurationError(
      `--queue must be one of ${known.join(', ')}, but is "${queue}"; those of your own operations need --operations`,
    );
  }
  return queue === undefined ? known : [queue];
}

async function readmitAll(store: Store, options: ReadmitOptions, flags: ReadmitFlags): Promise<Readmitted[]> {
  const done: Readmitted[] = [];
  for await (const each of readmit(store, options)) {
    done.push(each);
    if (!flags.json) {
      console.log(lineOf(each, options.dryRun));
    }
  }
  // The id of an update that shares its job, or is the only one in it.
  const batch = done.length === 0 ? parseUpdateId(options.jobId ?? '') : undefined;
  return batch === undefined ? done : readmitAll(store, { ...options, jobId: batch.jobId }, flags);
}

function lineOf({ queue, partition, jobId, operation, state, action }: Readmitted, dryRun: boolean): string {
  const where = partition === undefined ? queue : `${queue} ${partition}`;
  return `${where} ${jobId} ${operation}: ${dryRun ? 'would be ' : ''}${wordsOf(state, action)}`;
}

function wordsOf(state: Readmitted['state'], action: Readmitted['action']): string {
  switch (action) {
    case 'stamped':
      return state === 'failed' ? 'given a new stamp and tried again' : 'given a new stamp';
    case 'recorded':
      return state === 'failed'
        ? 'tried again as it is, since its outcome is recorded'
        : 'left: its outcome is recorded';
    case 'left':
      return 'left: it does not stand for too long, or has gone on meanwhile';
    case 'unreadable':
      return 'left: its data are not of a form that can have a stamp; submit its updates anew';
  }
}

function report(done: readonly Readmitted[], { job }: ReadmitFlags): void {
  if (done.length === 0) {
    console.error(
      job === undefined ? 'No job stands too long.' : `tally: no failed or waiting job has the id "${job}"`,
    );
  }
  const isAllDone = done.every(({ action }) => action === 'stamped' || action === 'recorded');
  process.exitCode = isAllDone && (done.length > 0 || job === undefined) ? 0 : 1;
}
