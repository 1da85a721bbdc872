import { z } from 'zod';
import { ROLES } from '../access/signed-in.js';
import type { Response } from 'express';

/** What became of an action; `unanswered` when the browser went away before it was done. */
const RESULTS = ['done', 'refused', 'failed', 'unanswered'] as const;

export const entrySchema = z.object({
  at: z.iso.datetime(),
  /** A user; with no role, one whose name was tried. */
  who: z.string().optional(),
  role: z.enum(ROLES).optional(),
  /** For example `retry` or `sign in`. */
  action: z.string(),
  queue: z.string().optional(),
  job: z.string().optional(),
  /** Values that were set, or what an action was done to and how many that were. */
  detail: z.string().optional(),
  /** Under which the jobs are kept that it was done to, see `changed-jobs.ts`. */
  jobs: z.string().optional(),
  result: z.enum(RESULTS),
  /** The status of the answer. */
  status: z.int().optional(),
  /** The address that it came from. */
  from: z.string(),
});

/** One action in the dashboard. */
export type AuditEntry = z.output<typeof entrySchema>;

/** What the status of an answer says of an action. */
export function resultOf(status: number | undefined): AuditEntry['result'] {
  if (status === undefined) {
    return 'unanswered';
  }
  if (status >= 500) {
    return 'failed';
  }
  return status >= 400 ? 'refused' : 'done';
}

/**
 * Has the name that someone tried to sign in with recorded. Only that of a user: what is typed into a wrong field may
 * be a password.
 */
export function noteAttemptedName({ locals }: Response, name: string | undefined): void {
  locals['triedName'] = name;
}

export function attemptedNameOf({ locals }: Response): string | undefined {
  return locals['triedName'] as string | undefined;
}

/** What an entry says beside what the path of its request does. */
export type Detail = Pick<AuditEntry, 'detail' | 'jobs'>;

/** Has more recorded of an action than its path says. */
export function noteDetail({ locals }: Response, detail: Detail): void {
  locals['auditDetail'] = detail;
}

export function detailOf({ locals }: Response): Detail | undefined {
  return locals['auditDetail'] as Detail | undefined;
}
