import { CloudEvent, HTTP } from 'cloudevents';
import { expect, test } from 'vitest';
import type { OutcomeEvent } from '../../src/subscribers/event.js';
import { followAt } from '../support/event-source.js';
import { startApi } from '../support/http-api.js';
import type { RunningApi } from '../support/http-api.js';
import { place } from '../support/tally.js';

const BATCH = 'application/cloudevents-batch+json';

function asked(operation: string, params: object, id?: string) {
  return new CloudEvent({ type: `tally.${operation}`, source: '/shop', data: params, ...(id !== undefined && { id }) });
}

async function replyTo<Events extends CloudEvent<unknown> | CloudEvent<unknown>[]>(
  { request }: RunningApi,
  events: Events,
): Promise<Events extends readonly unknown[] ? OutcomeEvent[] : OutcomeEvent> {
  const { headers, body } = Array.isArray(events)
    ? { headers: { 'content-type': BATCH }, body: JSON.stringify(events) }
    : HTTP.structured(events);
  const answer = await request('/v1/events?wait=20000', {
    method: 'POST',
    headers: { ...(headers as Record<string, string>), prefer: 'reply' },
    body: body as string,
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as never;
}

test('a reply is the very event that is told of the update, whatever became of it', async () => {
  const here = place();
  await here.worker({ outcomes: true });
  const api = await startApi(here, { outcomes: true });
  const follower = await followAt(`${api.origin}/v1/outcomes`);
  const [lamp, text] = [here.key('lamp'), here.key('text')];
  await here.client.set(text, 'no number');
  const restock = asked('inventory.restock', { key: lamp, quantity: 3 });
  const replies = [
    await replyTo(api, restock),
    await replyTo(api, asked('inventory.take', { key: lamp, quantity: 5, whenShort: 'reject' })),
    await replyTo(api, asked('inventory.take', { key: lamp, quantity: 1 })),
    await replyTo(api, asked('scores.add', { entries: [lamp, here.key('b')].map((key) => ({ key, by: 1 })) })),
    await replyTo(api, asked('counter.increment', { key: text })),
  ];
  await follower.until('all are told', () => follower.outcomes().length === 5);
  expect(follower.outcomes().map(({ data }) => data.status)).toEqual([
    ...['applied', 'rejected', 'applied', 'applied', 'failed'],
  ]);
  expect(replies).toEqual(follower.outcomes());
  expect(replies[2]?.data.cells).toEqual([{ key: lamp, before: 3, after: 2 }]);
  expect(await replyTo(api, restock)).toEqual(follower.outcomes()[0]); // a repeat: the event of the first one
  await follower.until('nothing more is told', () => follower.outcomes().length === 5);
});

test('of a batch each reply is the event that is told, also of one that repeats another or fails alone', async () => {
  const here = place();
  await here.worker({ outcomes: true });
  const api = await startApi(here, { outcomes: true });
  const follower = await followAt(`${api.origin}/v1/outcomes`);
  const [key, text] = [here.key('count'), here.key('text')];
  await here.client.set(text, 'no number');
  const first = asked('counter.increment', { key, by: 2 }, here.key('1'));
  const replies = await replyTo(api, [
    first,
    first,
    asked('counter.increment', { key: text }),
    asked('counter.increment', { key }),
  ]);
  await follower.until('all are told', () => follower.outcomes().length === 3);
  const told = new Map(follower.outcomes().map((event) => [event.id, event]));
  expect(replies.map(({ data }) => data.status)).toEqual(['applied', 'applied', 'failed', 'applied']);
  expect(replies).toEqual(replies.map(({ id }) => told.get(id)));
  expect(replies[1]).toEqual(replies[0]);
});

test('where outcomes are not told a reply is the same event but for the values before and after, and its time', async () => {
  const here = place();
  await here.worker();
  const api = await startApi(here);
  const key = here.key('lamp');
  const event = asked('inventory.restock', { key, quantity: 3 }, here.key('1'));
  const sentAtMs = Date.now();
  const reply = await replyTo(api, event);
  const { id } = reply.data;
  expect(reply).toEqual({
    specversion: '1.0',
    id: `${id}:applied`,
    source: `/tally/${here.namespace}`,
    type: 'tally.inventory.restock.applied',
    subject: key,
    time: expect.any(String) as string,
    datacontenttype: 'application/json',
    data: {
      id,
      jobId: id.split('.')[0],
      operation: 'inventory.restock',
      status: 'applied',
      result: { available: 3 },
      cells: [{ key }],
      idempotencyKey: expect.stringContaining(here.key('1')) as string,
    },
  });
  expect(Date.parse(reply.time)).toBeGreaterThanOrEqual(sentAtMs - 1000);
  expect((await replyTo(api, event)).id).toBe(reply.id);
});
