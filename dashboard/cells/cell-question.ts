import { z } from 'zod';
import { cellObject } from '../../src/operations/cell-schema.js';
import { cellName } from '../../src/redis/cell.js';
import type { Cell } from '../../src/redis/cell.js';
import type { Keys } from '../../src/redis/keys.js';
import { distinctIssues } from '../../src/lib/distinct-issues.js';
import { isPattern } from './links.js';

/** What was typed into the form, to stand in it again. */
export interface CellFields {
  readonly key: string;
  readonly field: string;
  readonly member: string;
}

/** What the form asks for: nothing yet, a cell, the keys that fit a pattern, or something that can't be shown, for this reason. */
export type CellQuestion =
  | { readonly is: 'empty' }
  | { readonly is: 'pattern'; readonly pattern: string }
  | { readonly is: 'cell'; readonly cell: Cell }
  | { readonly is: 'refused'; readonly status: 400 | 403; readonly reason: string };

const fieldsSchema = z.object({
  key: z.string().default(''),
  field: z.string().default(''),
  member: z.string().default(''),
  /** Of a link to a key that looks like a pattern. */
  exact: z.literal('true').optional(),
});

const cellSchema = cellObject({});

/** Reads the form. A field that was left empty is one that is not meant. */
export function readCellQuestion(query: unknown, { isReserved }: Keys): { fields: CellFields; question: CellQuestion } {
  const { data: fields = { key: '', field: '', member: '' } } = fieldsSchema.safeParse(query);
  return { fields, question: questionOf(fields, isReserved) };
}

function questionOf(
  { key, field, member, exact }: z.output<typeof fieldsSchema>,
  isReserved: Keys['isReserved'],
): CellQuestion {
  if (key === '' && field === '' && member === '') {
    return { is: 'empty' };
  }
  const parsed = cellSchema.safeParse({ key, ...(field !== '' && { field }), ...(member !== '' && { member }) });
  if (!parsed.success) {
    return {
      is: 'refused',
      status: 400,
      reason: distinctIssues(parsed.error)
        .map(({ message }) => message)
        .join('; '),
    };
  }
  if (isPattern(key) && field === '' && member === '' && exact === undefined) {
    return { is: 'pattern', pattern: key };
  }
  if (isReserved(key)) {
    return { is: 'refused', status: 403, reason: `"${key}" belongs to Tally or BullMQ, and is not shown here` };
  }
  return { is: 'cell', cell: cellName(parsed.data) };
}
