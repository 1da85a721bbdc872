import type { Request } from 'express';
import { z } from 'zod';
import { cellObject } from '../operations/cell-schema.js';
import { cellsSchema } from '../readers/reader.js';
import type { Reader } from '../readers/reader.js';
import { cellName } from '../redis/cell.js';
import type { Keys } from '../redis/keys.js';
import { checkQuestion, queryOf } from '../web/endpoint.js';
import type { Endpoint } from '../web/endpoint.js';
import { requireReadable } from './access/readable.js';
import { READ_PROBLEMS } from './cells.js';
import { questionBody } from './json-body.js';

const JSON_TYPE = 'application/json';

export interface ReadingDeps {
  readonly reader: Reader;
  readonly keys: Keys;
}

const cellShape = { key: z.string(), field: z.string().optional(), member: z.string().optional() };

const manyQuestion = z.strictObject({ cells: cellsSchema });

const manyAnswer = z.object({
  cells: z
    .array(
      z.object({
        ...cellShape,
        value: z.int().nullable().optional().meta({ description: 'null when the cell is missing.' }),
        code: z.enum(['WRONG_TYPE', 'NOT_AN_INTEGER']).optional().meta({
          description: 'In place of a value: why an update of this cell would fail.',
        }),
        message: z.string().optional().meta({ description: 'The same in words.' }),
      }),
    )
    .meta({ description: 'In the order of the request.' }),
});

const historyQuery = cellObject({});

const historyAnswer = z.object({
  ...cellShape,
  changes: z
    .array(
      z.object({
        atMs: z.int().meta({ description: "When, by Redis' clock." }),
        jobId: z.string(),
        operation: z.string(),
        before: z.int(),
        after: z.int().nullable().meta({ description: 'null when it was removed.' }),
      }),
    )
    .meta({ description: 'The latest first; a job that changes a cell several times is one change.' }),
});

/** What is read of many cells, or of many changes of one. */
export function manyCellsEndpoints(deps: ReadingDeps): Endpoint[] {
  return [readMany(deps), readHistory(deps)];
}

function readMany({ reader, keys }: ReadingDeps): Endpoint {
  const { $schema: _, ...body } = z.toJSONSchema(manyQuestion, { io: 'input', unrepresentable: 'any' });
  return {
    method: 'post',
    path: '/v1/cells/read',
    operationId: 'readCells',
    summary: 'The values of up to 1,000 cells.',
    description:
      'One that is missing has the value null; one that no update could be applied to has a code. It changes nothing.',
    body: { [JSON_TYPE]: body },
    answers: { 200: { description: 'The values.', schema: manyAnswer } },
    problems: [
      ...READ_PROBLEMS,
      'BAD_REQUEST',
      'INVALID_JSON',
      'BODY_TOO_LARGE',
      'UNSUPPORTED_MEDIA_TYPE',
      'OTHER_SITE',
    ],
    handlers: [
      ...questionBody([JSON_TYPE]),
      async (request: Request, response) => {
        const { cells } = checkQuestion(manyQuestion, request.body);
        requireReadable(
          response,
          keys,
          cells.map(({ key }, index) => ({ path: `cells[${index}].key`, key })),
        );
        response.json({ cells: await reader.get(cells) });
      },
    ],
  };
}

function readHistory({ reader, keys }: ReadingDeps): Endpoint {
  return {
    method: 'get',
    path: '/v1/cells/history',
    operationId: 'readHistory',
    summary: 'The last changes of a cell.',
    description:
      'There are none unless the operations that change it keep a history (`TALLY_HISTORY`, `withHistory`). ' +
      '`field` and `member` as for `/v1/cells`.',
    query: historyQuery,
    answers: { 200: { description: 'The changes that are kept.', schema: historyAnswer } },
    problems: READ_PROBLEMS,
    handlers: [
      async (request, response) => {
        const cell = queryOf(historyQuery, request);
        requireReadable(response, keys, [{ path: 'key', key: cell.key }]);
        response.json({ ...cellName(cell), changes: await reader.history(cell) });
      },
    ],
  };
}
