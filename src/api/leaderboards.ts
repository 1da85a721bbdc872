import { z } from 'zod';
import { requireBucket } from '../operations/bucket-params.js';
import { around, boardShape, limit, offset } from '../readers/reader.js';
import { describeCell } from '../redis/cell.js';
import { given, queryOf, wholeNumberText } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { Problem } from '../web/problems.js';
import { requireReadable } from './access/readable.js';
import { READ_PROBLEMS } from './cells.js';
import type { ReadingDeps } from './many-cells.js';

const boardQuery = requireBucket(
  z.strictObject({
    ...boardShape,
    bucket: boardShape.bucket.meta({
      description: 'Of updates with `bucket`: tells the leaderboard of this size that holds `at`.',
    }),
    at: wholeNumberText(boardShape.at.unwrap())
      .optional()
      .meta({ description: 'A time within the bucket. Default now.' }),
    limit: wholeNumberText(limit.unwrap()).optional().meta({ description: 'How many to tell. Default 10.' }),
    offset: wholeNumberText(offset.unwrap())
      .optional()
      .meta({ description: 'How many to leave out before. Default 0.' }),
    member: boardShape.key.optional().meta({ description: 'Tells its place and neighbours in place of a page.' }),
    around: wholeNumberText(around.unwrap())
      .optional()
      .meta({ description: 'How many neighbours to tell on each side of `member`. Default 0.' }),
  }),
)
  .refine(({ member, around }) => member !== undefined || around === undefined, {
    path: ['around'],
    error: 'is for a member: name it with member',
  })
  .refine(({ member, limit, offset }) => member === undefined || (limit === undefined && offset === undefined), {
    path: ['member'],
    error: 'has neighbours, not pages: leave out limit and offset, and give around',
  });

const ranked = { rank: z.int().min(1), member: z.string(), score: z.int() };

const boardAnswer = z.object({
  key: z.string(),
  total: z.int().min(0).meta({ description: 'Members in all; 0 when there is no such key.' }),
  ...z.object(ranked).partial().shape,
  entries: z.array(z.object(ranked)),
});

export function leaderboardsEndpoints({ reader, keys }: ReadingDeps): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/v1/leaderboards',
      operationId: 'readLeaderboard',
      summary: 'The first members of a sorted set, a further page, or the place of one member.',
      description:
        'Ranks begin at 1. Equal scores share one (1, 2, 2, 4); `ranking=ordinal` numbers through. With `member` the answer ' +
        'has its `rank` and `score`, and in `entries` it and its neighbours.',
      query: boardQuery,
      answers: { 200: { description: 'The ranks.', schema: boardAnswer } },
      problems: [...READ_PROBLEMS, 'CELL_NOT_FOUND', 'WRONG_TYPE', 'NOT_AN_INTEGER'],
      handlers: [
        async (request, response) => {
          const { key, member, limit, offset, around, order, ranking, ...bucket } = queryOf(boardQuery, request);
          const rules = { order, ranking, ...given(bucket) };
          requireReadable(response, keys, [{ path: 'key', key }]);
          if (member === undefined) {
            response.json(await reader.top(key, { ...rules, ...given({ limit, offset }) }));
            return;
          }
          const found = await reader.rank(key, member, { ...rules, ...given({ around }) });
          if (found === undefined) {
            throw new Problem('CELL_NOT_FOUND', `${describeCell({ key, member })} does not exist`);
          }
          response.json(found);
        },
      ],
    },
  ];
}
