import { z } from 'zod';
import { heldCellObject } from '../operations/cell-schema.js';
import { askRedis } from '../redis/ask-redis.js';
import { readReservations } from '../readers/read-reservations.js';
import { queryOf } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { requireReadable } from './access/readable.js';
import type { CellsDeps } from './cells.js';

function numberInQuery(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.preprocess(
    (text) => (typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : text),
    z.int({ error }).min(min, error).max(max, error),
  );
}

const reservationsQuery = heldCellObject({
  limit: numberInQuery(1, 1_000).default(100).meta({ description: 'How many to tell of, those that end first.' }),
  offset: numberInQuery(0, 999_999_999).default(0).meta({ description: 'How many to leave out.' }),
});

const reservationsAnswer = z.object({
  key: z.string(),
  field: z.string().optional(),
  member: z.string().optional(),
  held: z.int().meta({ description: 'By all open reservations together.' }),
  total: z.int().min(0).meta({ description: 'How many are open.' }),
  reservations: z.array(
    z.object({
      reservation: z.string(),
      quantity: z.int(),
      expiresAt: z.string().meta({ description: 'From then on it counts as released; UTC.' }),
    }),
  ),
});

export function reservationsEndpoints({ redis, keys, timeoutMs }: CellsDeps): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/v1/cells/reservations',
      operationId: 'readReservations',
      summary: 'The open reservations of a stock.',
      description:
        'By the time of Redis: what is over is not among them. A stock is a key, or with `field` a field of a hash, or with ' +
        '`member` a member of a sorted set. Of a stock that nobody has reserved, nothing is held.',
      query: reservationsQuery,
      answers: { 200: { description: 'Those that end first.', schema: reservationsAnswer } },
      problems: ['FORBIDDEN', 'RESERVED_KEY', 'INVALID_QUERY', 'QUEUE_UNAVAILABLE', 'REDIS_REFUSED', 'STOPPING'],
      handlers: [
        async (request, response) => {
          const { limit, offset, ...stock } = queryOf(reservationsQuery, request);
          requireReadable(response, keys, [{ path: 'key', key: stock.key }]);
          response.json(await askRedis(redis, timeoutMs, readReservations(redis, keys, stock, { limit, offset })));
        },
      ],
    },
  ];
}
