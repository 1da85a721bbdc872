import { z } from 'zod';
import { STATUSES } from '../subscribers/event.js';
import { shownShape } from './response-schemas.js';

const cellChange = z.object({
  key: z.string(),
  field: z.string().optional(),
  member: z.string().optional(),
  before: z.int().nullable().optional().meta({ description: 'Just before the update; null while it is missing.' }),
  after: z.int().nullable().optional().meta({ description: 'Just after it.' }),
});

const { status: _, duplicate: __, ...outcomeShape } = shownShape;

const eventShape = {
  specversion: z.literal('1.0'),
  id: z.string().meta({ description: 'The same whenever it is told: `<update id>:<status>`.' }),
  source: z.string().meta({ format: 'uri-reference', description: '`/tally/<namespace>`' }),
  time: z.iso.datetime().meta({ description: "By Redis' clock." }),
  datacontenttype: z.literal('application/json'),
};

/** An outcome as it is told. */
export const outcomeEventSchema = z.object({
  ...eventShape,
  type: z
    .string()
    .regex(/^tally\.[A-Za-z0-9]+\.[A-Za-z0-9]+\.[a-z]+$|^tally\.transaction\.[a-z]+$/)
    .meta({
      description: '`tally.<operation>.<status>`',
    }),
  subject: z.string().optional().meta({ description: 'The key of the first cell.' }),
  data: z.object({
    id: z.string().meta({ description: 'Of the update.' }),
    jobId: z.string(),
    operation: z.string(),
    cells: z.array(cellChange).meta({ description: 'In the order in which the update names them.' }),
    idempotencyKey: z.string().optional(),
    attempt: z.int().min(1).optional().meta({ description: 'Of `failed` and `unknown`: it may be retried.' }),
    status: z.enum(STATUSES),
    ...outcomeShape,
  }),
});

/** That some are missing. */
export const gapEventSchema = z.object({
  ...eventShape,
  type: z.literal('tally.gap'),
  data: z.object({
    from: z.iso.datetime().optional().meta({ description: 'Of the last update before it.' }),
    to: z.iso.datetime().optional().meta({ description: 'Of the first one behind it.' }),
    lost: z.int().optional().meta({ description: 'How many updates are missing, where that is known.' }),
  }),
});
