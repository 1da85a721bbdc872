import { z } from 'zod';
import { sumSchema } from '../readers/sum-buckets.js';
import { given, queryOf, wholeNumberText } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { requireReadable } from './access/readable.js';
import { READ_PROBLEMS } from './cells.js';
import type { ReadingDeps } from './many-cells.js';

const sumAnswer = z.object({
  key: z.string(),
  field: z.string().optional(),
  member: z.string().optional(),
  sum: z.int(),
  series: z.array(
    z.object({
      bucket: z.string().meta({ description: 'As in the key, e.g. `2026-11-27`.' }),
      startMs: z.int().meta({ description: 'When it begins.' }),
      value: z.int().nullable().meta({ description: 'null when there is no such bucket.' }),
    }),
  ),
});

const { from, to } = sumSchema.shape;
const sumQuery = sumSchema.safeExtend({ from: wholeNumberText(from), to: wholeNumberText(to) });

export function sumsEndpoints({ reader, keys }: ReadingDeps): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/v1/cells/sum',
      operationId: 'sumCells',
      summary: 'The sum of the buckets of a cell, and each of them.',
      description:
        'Of updates with `bucket`: from the bucket that holds `from` to the one that holds `to`. Both are days of the time zone, ' +
        'times with their offset from UTC, or ms since 1970.',
      query: sumQuery,
      answers: { 200: { description: 'The sum.', schema: sumAnswer } },
      problems: [...READ_PROBLEMS, 'WRONG_TYPE', 'NOT_AN_INTEGER', 'OUT_OF_RANGE'],
      handlers: [
        async (request, response) => {
          const { key, field, member, ...question } = queryOf(sumQuery, request);
          requireReadable(response, keys, [{ path: 'key', key }]);
          response.json(await reader.sum(key, { ...question, ...given({ field, member }) }));
        },
      ],
    },
  ];
}
