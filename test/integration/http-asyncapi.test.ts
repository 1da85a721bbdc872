import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { CloudEvent } from 'cloudevents';
import { expect, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.js';
import { followAt } from '../support/event-source.js';
import { startApi } from '../support/http-api.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place } from '../support/tally.js';

const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json') as object;
const formats = addFormats as unknown as (ajv: Ajv | Ajv2020) => void;

test('the document is one of AsyncAPI 3.0, and what is told is as it says', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  await here.worker({ outcomes: true });
  const { get, origin } = await startApi(here, { outcomes: true });
  const { body: document } = await get<{ asyncapi: string; components: { schemas: object } }>('/asyncapi.json');
  const whole = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false }); // it brings its own
  formats(whole);
  const isAsyncApi = whole.compile(schema);
  void isAsyncApi(document);
  expect(isAsyncApi.errors).toBeNull();

  const follower = await followAt(`${origin}/v1/outcomes?from=beginning`);
  const key = here.key('lamp');
  const producer = here.producer();
  const submissions = await producer.submit([
    { operation: 'inventory.restock', params: { key, quantity: 5 }, idempotencyKey: 'a' },
    { operation: 'inventory.take', params: { key, quantity: 9, whenShort: 'reject' } },
    { operation: 'xp.award', params: { key: here.key('xp'), amount: 5, levels: [1, 10] } },
    { operation: 'scores.add', params: { entries: [{ key: here.key('board'), member: 'ann', by: 1 }] } },
    { operation: 'counter.increment', params: { key: here.key('list') } },
    { operation: 'inventory.reserve', params: { key, quantity: 1, reservation: 'r', ttlSeconds: 600 } },
    {
      operation: 'transaction',
      params: {
        updates: [
          { operation: 'counter.increment', params: { key } },
          { operation: 'inventory.take', params: { key, quantity: 1 } },
        ],
      },
    },
  ]);
  await Promise.all(submissions.map((submission) => submission.outcome({ timeoutMs: 60_000 })));
  const cancelled = await producer.submit({ operation: 'xp.award', params: { key, amount: 1 } }, { delay: 600_000 });
  await producer.cancel(cancelled.id);
  await follower.until('all are told', () => follower.outcomes().length === 8);
  await here.client.xtrim(createKeys(here).outcomes, 'MAXLEN', 1);
  const { origin: other } = await startApi(here);
  const late = await followAt(`${other}/v1/outcomes`, { 'last-event-id': follower.heard[0]!.id });
  await late.until('the gap is told', () => late.heard.length > 0);

  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats(ajv);
  ajv.addSchema(document, 'asyncapi');
  for (const { event, data } of [...follower.heard, ...late.heard]) {
    const validate = ajv.getSchema(`asyncapi#/components/schemas/${event === 'gap' ? 'Gap' : 'Outcome'}`)!;
    void validate(data);
    expect({ data, errors: validate.errors }).toEqual({ data, errors: null });
    expect(new CloudEvent(data as object).validate()).toBe(true); // as the official SDK has it
  }
  expect(new Set(follower.outcomes().map(({ data }) => data.status))).toEqual(
    new Set(['applied', 'rejected', 'cancelled']),
  );
});
