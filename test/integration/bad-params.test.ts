import { expect, test } from 'vitest';
import { ValidationError } from '../../src/index.js';
import { tally } from '../support/command.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { badParams, badUpdates } from '../support/bad-params.js';
import { keysLike, ownRedis, place } from '../support/tally.js';
import { faultOf } from '../support/words-of-faults.js';

test('what the bad params are made of is good', async () => {
  const producer = place((await ownRedis()).url).producer();
  for (const [operation, { good }] of Object.entries(badParams)) {
    await producer.submit({ operation, params: good } as never);
  }
});

test(`${badUpdates.length} bad params are refused by library, HTTP and CloudEvents, each with its place and in words; nothing is written`, async () => {
  const here = place((await ownRedis()).url);
  const producer = here.producer();
  const { request } = await startApi(here);
  const post = async (path: string, type: string, body: string) => {
    const answer = await request(path, { method: 'POST', headers: { 'content-type': type }, body });
    return { status: answer.status, problem: JSON.parse((await answer.text()) || '{}') as ShownProblem };
  };
  const faults: unknown[] = [];
  for (const { operation, params, at } of badUpdates) {
    const note = (way: string, fault: string | undefined) => {
      if (fault !== undefined) {
        faults.push(`${way} ${operation} ${params.slice(0, 200)} at ${at} -> ${fault}`);
      }
    };
    const update = { operation, params: JSON.parse(params) as unknown };
    const error: unknown = await producer.submit(update as never).catch((thrown: unknown) => thrown);
    note('library', error instanceof ValidationError ? faultOf(error.issues[0], at) : String(error));
    for (const [way, path, type, body, place] of [
      ['HTTP', '/v1/updates', 'application/json', `{"operation":"${operation}","params":${params}}`, at],
      [
        'event',
        '/v1/events',
        'application/cloudevents+json',
        `{"specversion":"1.0","id":"1","source":"/s","type":"tally.${operation}","data":${params}}`,
        at.replace('params', 'data'),
      ],
    ] as const) {
      const { status, problem } = await post(path, type, body);
      note(way, status === 422 && problem.errors?.[0] ? faultOf(problem.errors[0], place) : JSON.stringify(problem));
    }
    expect({ operation, params, keys: await keysLike(here, '*') }).toEqual({ operation, params, keys: [] });
  }
  expect(faults).toEqual([]);
});

test('NaN, infinite and other numbers that JSON has no words for are refused by the library', async () => {
  const here = place((await ownRedis()).url);
  const producer = here.producer();
  for (const [operation, { good, params }] of Object.entries(badParams)) {
    for (const [name] of Object.entries(params).filter(([, { kind }]) => kind === 'whole')) {
      for (const value of [NaN, Infinity, -Infinity, 5n, new Number(5), () => 5, Symbol('5')]) {
        const error: unknown = await producer
          .submit({ operation, params: { ...good, [name]: value } } as never)
          .catch((thrown: unknown) => thrown);
        expect(error, `${operation} ${name}`).toBeInstanceOf(ValidationError);
        expect(faultOf((error as ValidationError).issues[0], `params.${name}`)).toBeUndefined();
      }
    }
  }
  expect(await keysLike(here, '*')).toEqual([]);
});

test('tally submit and tally schedules put refuse bad params with exit code 2, and write nothing', async () => {
  const here = place((await ownRedis()).url);
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const ofEach = Object.keys(badParams).map((operation) => badUpdates.find((it) => it.operation === operation)!);
  for (const { operation, params, at } of ofEach) {
    const flags = [operation, '--params', params];
    for (const [path, args] of [
      [at, ['submit', ...flags]],
      [`update.${at}`, ['schedules', 'put', 'daily', ...flags, '--cron', '0 0 * * *']],
    ] as const) {
      if (args[0] === 'schedules' && 'bucket' in badParams[operation]!.good) {
        continue; // a schedule takes none
      }
      const { code, stdout, stderr } = await tally(environment, ...args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' });
      expect(stderr).toMatch(new RegExp(`^tally: ${path.replaceAll('.', '\\.')}\\S*: `));
    }
  }
  expect(await keysLike(here, '*')).toEqual([]);
});
