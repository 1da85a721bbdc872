import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { RefusalLog } from '../../src/redis/refusal-log.js';
import { until } from '../support/tally.js';

interface Line {
  level: number;
  redisCode: string;
  refusals: number;
  msg: string;
}

function logOf(everyMs: number) {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const lines = () => text.split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as Line)));
  return { log: new RefusalLog('test', pino({}, stream), everyMs), lines };
}

function refuse(log: RefusalLog, code: string): void {
  const message = `${code} no`;
  log.heard(Object.assign(new Error(message), { name: 'ReplyError' }), { code, message });
}

test('what Redis refuses is said at once, then once in a while and code with how often, and at once again after it has ended', async () => {
  const { log, lines } = logOf(200);
  for (let n = 0; n < 500; n += 1) {
    refuse(log, 'NOREPLICAS');
  }
  refuse(log, 'OOM');
  const told = () => lines().map(({ redisCode, refusals }) => `${redisCode} ${refusals}`);
  await until('the first are said', () => lines().length >= 2);
  expect(told()).toEqual(['NOREPLICAS 1', 'OOM 1']);
  await until('how often is said', () => lines().length >= 3);
  expect(told()).toEqual(['NOREPLICAS 1', 'OOM 1', 'NOREPLICAS 499']);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(told()).toHaveLength(3);
  refuse(log, 'NOREPLICAS');
  await until('it is said again', () => lines().length === 4);
  expect(lines()[3]).toMatchObject({ level: 40, redisCode: 'NOREPLICAS', refusals: 1 });
  expect(lines()[3]?.msg).toContain('Redis refuses commands: NOREPLICAS');
});
