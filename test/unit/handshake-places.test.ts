import { expect, test } from 'vitest';
import { HandshakePlaces } from '../../src/subscribers/webhooks/handshake-places.js';

test('one owner has ten handshakes under way at most, all have fifty, and each that ends leaves its place', () => {
  const places = new HandshakePlaces();
  const take = (owner: string | undefined, times: number) => Array.from({ length: times }, () => places.take(owner));
  const refusal = expect.objectContaining({ code: 'RATE_LIMITED' }) as Error;
  const ofAnn = take('ann', 10);
  expect(() => places.take('ann')).toThrow(refusal);
  const ofNobody = take(undefined, 10);
  expect(() => places.take(undefined)).toThrow(refusal);
  ofAnn.pop()?.();
  places.take('ann');
  for (const owner of ['bo', 'cy', 'di']) {
    take(owner, 10);
  }
  expect(() => places.take('ed')).toThrow(refusal);
  ofNobody.pop()?.();
  places.take('ed');
});
