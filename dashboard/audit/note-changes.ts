import type { Response } from 'express';
import type { Logger } from 'pino';
import { countOf } from '../../src/producers/failures/change-failures.js';
import { loggedRecord } from '../../src/producers/failures/change-record.js';
import type { ChangedJob, ChangeRecord } from '../../src/producers/failures/change-record.js';
import { signedInOf } from '../access/signed-in.js';
import { countWords } from '../words.js';
import type { ChangedJobs } from './changed-jobs.js';
import { noteDetail } from './entry.js';

interface Noting {
  readonly changedJobs: ChangedJobs;
  readonly logger: Logger;
}

/** What was begun and then failed, with how far it came. */
export class HalfDoneError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'HalfDoneError';
  }
}

export function changedWords(jobs: readonly ChangedJob[]): string {
  const { updates } = countOf(jobs);
  return `${countWords(updates, 'update')} in ${countWords(jobs.length, 'job')}`;
}

/**
 * Retries or removes jobs for whoever asked. The log has each as soon as it is changed, the audit how many, and which if Redis takes
 * them: a Redis that is full lets remove, and keeps nothing.
 *
 * @param which they are, in words
 * @throws HalfDoneError when a part of it was done before it failed
 */
export async function noteChanges<Done>(
  { changedJobs, logger }: Noting,
  response: Response,
  change: 'retried' | 'removed',
  which: string,
  act: (record: ChangeRecord) => Promise<Done>,
): Promise<Done> {
  const record = loggedRecord(logger, change, { who: signedInOf(response)?.name });
  const { changed } = record;
  try {
    return await act(record);
  } catch (error) {
    const so = `${changedWords(changed)} had been ${change} before it failed, and the log has their ids`;
    throw changed.length === 0 ? error : new HalfDoneError(so, error);
  } finally {
    const detail = `${change} ${changedWords(changed)}${which}`;
    const jobs = changed.length === 0 ? undefined : await keep(changedJobs, changed, logger);
    noteDetail(response, { detail, ...(jobs !== undefined && { jobs }) });
  }
}

async function keep(
  changedJobs: ChangedJobs,
  changed: readonly ChangedJob[],
  logger: Logger,
): Promise<string | undefined> {
  try {
    return await changedJobs.keep(changed);
  } catch (error) {
    logger.error({ err: error }, 'the ids of these jobs are in the log only: Redis did not take them');
    return undefined;
  }
}
