import { expect, test } from 'vitest';
import { FollowerPlaces } from '../../src/api/follower-places.js';

function takeAll(places: FollowerPlaces, owner: string | undefined, most = 10_000): (() => void)[] {
  const taken: (() => void)[] = [];
  try {
    while (taken.length < most) {
      taken.push(places.take(owner));
    }
  } catch {
    // no more
  }
  return taken;
}

test('5,000 clients follow outcomes in a process; one more finds a place once one has left', () => {
  const places = new FollowerPlaces();
  const taken = takeAll(places, undefined);
  expect(taken).toHaveLength(5_000);
  expect(() => places.take(undefined)).toThrow(expect.objectContaining({ code: 'TOO_MANY_FOLLOWERS' }));
  taken[0]!();
  places.take(undefined);
  expect(() => places.take('a')).toThrow(expect.objectContaining({ code: 'TOO_MANY_FOLLOWERS' }));
});

test('an owner of API keys takes as many places as are left free, so that whoever comes finds one', () => {
  const places = new FollowerPlaces();
  const taken = takeAll(places, 'a');
  expect(taken).toHaveLength(2_500);
  expect(() => places.take('a')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
  taken[0]!();
  places.take('a');
  expect(() => places.take('a')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
  expect(takeAll(places, 'b')).toHaveLength(1_250);
});
