import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createLogger } from '../../cli/logger.js';

test('secrets stay out of the log', () => {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream;
  const logger = createLogger('info', stream);
  const error = Object.assign(new Error('WRONGPASS'), { command: { name: 'auth', args: ['user', 'hunter2'] } });
  logger.info({ redis: { host: 'localhost', password: 'hunter2' }, err: error }, 'connecting');
  logger.info({ request: { headers: { authorization: 'Bearer hunter2', cookie: 'hunter2' } } }, 'request');
  const lines = (stream as unknown as PassThrough).read() as Buffer;
  expect(lines.toString()).toContain('localhost');
  expect(lines.toString()).not.toContain('hunter2');
});
