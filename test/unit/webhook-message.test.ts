import { Webhook as Receiver } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { MAX_IN_FLIGHT, InFlight } from '../../src/subscribers/webhooks/in-flight.js';
import { messageId, signedHeaders } from '../../src/subscribers/webhooks/message.js';
import { DELIVERY_ATTEMPTS, holdOf, retryWaitMs } from '../../src/subscribers/webhooks/retry-schedule.js';
import { newSigningSecret } from '../../src/subscribers/webhooks/seal.js';

const ID = '019abcde-1234-7abc-8def-0123456789ab.3';

test('ids of messages hold no dots, and no two events have the same', () => {
  const ids = [
    `${ID}:applied`,
    `${ID}:failed:1`,
    `${ID}:failed:11`,
    `${ID}1:failed:1`,
    '5:applied',
    '5.1:applied',
    '5_1_applied',
    'a.b.c:applied',
    'gap:abc',
  ];
  const made = ids.map((id) => messageId({ id }));
  expect(made[0]).toBe('msg_019abcde-1234-7abc-8def-0123456789ab_3_applied');
  for (const id of made) {
    expect(id).toMatch(/^[\w-]{1,200}$/);
  }
  expect(new Set(made).size).toBe(ids.length);
});

test('the maintained library of Standard Webhooks verifies each of two signatures, and nothing else', () => {
  const [before, now] = [newSigningSecret(), newSigningSecret()];
  const body = JSON.stringify({ text: 'Größe 5 €' });
  const headers = signedHeaders('msg_1', body, [now, before], new Date());
  expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
  for (const secret of [before, now]) {
    expect(new Receiver(secret).verify(body, headers)).toEqual({ text: 'Größe 5 €' });
    expect(() => new Receiver(secret).verify(`${body} `, headers)).toThrow();
    expect(() => new Receiver(secret).verify(body, { ...headers, 'webhook-id': 'msg_2' })).toThrow();
  }
  expect(() => new Receiver(newSigningSecret()).verify(body, headers)).toThrow();
  const old = signedHeaders('msg_1', body, [now], new Date(Date.now() - 6 * 60_000));
  expect(() => new Receiver(now).verify(body, old)).toThrow(/too old/);
});

test('attempts are spread over three days, and wait for as long as the target asks', () => {
  const waits = Array.from({ length: DELIVERY_ATTEMPTS - 1 }, (_, made) => retryWaitMs(made + 1, 0, () => 0));
  expect(waits[0]).toBe(5_000);
  expect(waits.toSorted((one, other) => one - other)).toEqual(waits);
  const days = waits.reduce((sum, wait) => sum + wait, 0) / 86_400_000;
  expect(days).toBeGreaterThan(3);
  expect(days).toBeLessThan(3.5);
  expect(retryWaitMs(1, 60_000, () => 1)).toBe(60_000);
  expect(retryWaitMs(1, 0, () => 1)).toBe(5_500);
});

test('Retry-After is a number of seconds or a date, a day at most', () => {
  const now = Date.parse('2026-11-27T10:00:00Z');
  expect(holdOf('120', now)).toBe(120_000);
  expect(holdOf('Fri, 27 Nov 2026 10:01:00 GMT', now)).toBe(60_000);
  expect(holdOf('Fri, 27 Nov 2026 09:01:00 GMT', now)).toBe(0);
  expect(holdOf('999999999', now)).toBe(86_400_000);
  expect(holdOf('soon', now)).toBeUndefined();
  expect(holdOf(undefined, now)).toBeUndefined();
});

test('what finds no place at a slow target comes back one after the other, at its pace', () => {
  const places = new InFlight();
  expect(Array.from({ length: MAX_IN_FLIGHT }, () => places.enter('slow'))).toEqual(Array(MAX_IN_FLIGHT).fill(0));
  const waits = Array.from({ length: 50 }, () => places.enter('slow'));
  expect(waits.toSorted((one, other) => one - other)).toEqual(waits);
  expect(waits[0]).toBeGreaterThan(0);
  expect(waits[49]! / waits[4]!).toBeGreaterThan(5);
  expect(places.enter('other')).toBe(0);
  places.leave('slow', 1_000);
  expect(places.enter('slow')).toBe(0);
});
