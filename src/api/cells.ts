import { z } from 'zod';
import { cellObject } from '../operations/cell-schema.js';
import { describeCell } from '../redis/cell.js';
import type { Store } from '../layout/store.js';
import { readCell } from '../readers/read-cell.js';
import { TallyError } from '../errors.js';
import { askRedis } from '../producers/ask-redis.js';
import { requireReadable } from './access/require-readable.js';
import { queryOf } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { Problem } from '../web/problems.js';

const cellQuery = cellObject({});

const cellAnswer = z.object({
  key: z.string(),
  field: z.string().optional(),
  member: z.string().optional(),
  value: z.int(),
  ttlSeconds: z
    .int()
    .min(0)
    .optional()
    .meta({ description: 'Seconds until the key expires; absent when it does not.' }),
});

export interface CellsDeps extends Pick<Store, 'redis' | 'keys'> {
  readonly timeoutMs: number;
}

export function cellsEndpoints({ redis, keys, timeoutMs }: CellsDeps): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/v1/cells',
      operationId: 'readCell',
      summary: 'The value of a cell as Redis holds it now.',
      description: 'A cell is a key, or with `field` a field of a hash, or with `member` a member of a sorted set.',
      query: cellQuery,
      answers: { 200: { description: 'The value.', schema: cellAnswer } },
      problems: [
        'FORBIDDEN',
        'CELL_NOT_FOUND',
        'WRONG_TYPE',
        'NOT_AN_INTEGER',
        'RESERVED_KEY',
        'INVALID_QUERY',
        'QUEUE_UNAVAILABLE',
        'REDIS_REFUSED',
        'STOPPING',
      ],
      handlers: [
        async (request, response) => {
          const cell = queryOf(cellQuery, request);
          requireReadable(cell, keys, response);
          const found = await askRedis(redis, timeoutMs, settled(readCell(redis, cell)));
          if (found instanceof TallyError) {
            throw found;
          }
          if (found === undefined) {
            throw new Problem('CELL_NOT_FOUND', `${describeCell(cell)} does not exist`);
          }
          response.json(found);
        },
      ],
    },
  ];
}

/** An error that tells what the cell holds is an answer of Redis. */
function settled<T>(reading: Promise<T>): Promise<T | TallyError> {
  return reading.catch((error: unknown) => {
    if (error instanceof TallyError) {
      return error;
    }
    throw error;
  });
}
