import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Place } from '../../src/api/admission/place.js';
import { Room } from '../../src/api/admission/room.js';
import { Turns } from '../../src/api/admission/turns.js';

/** Notes in which order requests are let in or refused. */
function guestsOf(room: Room) {
  const said: string[] = [];
  const ask = (name: string, owner: string, updates: number) =>
    room.enter(owner, updates, (isIn) => said.push(isIn ? name : `not ${name}`));
  return { said, ask };
}

const LIMITS = { atWork: 100, ofOne: 1_000, patienceMs: 60_000 };

test('as many updates are let in as fit, the others wait in the order in which they came', () => {
  const room = new Room(LIMITS);
  const { said, ask } = guestsOf(room);
  for (const name of ['a', 'b', 'c', 'd']) {
    ask(name, '', 50);
  }
  expect(said).toEqual(['a', 'b']);
  expect({ atWork: room.atWork, inLine: room.inLine }).toEqual({ atWork: 100, inLine: 2 });
  room.leave('', 50);
  expect(said).toEqual(['a', 'b', 'c']);
  room.correct('', 50, 1); // it held less than its length allowed for
  expect(said).toEqual(['a', 'b', 'c']);
  room.correct('', 50, 1);
  expect(said).toEqual(['a', 'b', 'c', 'd']);
});

test('what is small does not overtake what waits, and what is larger than the room has it for itself', () => {
  const room = new Room(LIMITS);
  const { said, ask } = guestsOf(room);
  ask('first', '', 10);
  ask('huge', '', 500);
  ask('small', '', 1);
  expect(said).toEqual(['first']);
  room.leave('', 10);
  expect(said).toEqual(['first', 'huge']);
  room.leave('', 500);
  expect(said).toEqual(['first', 'huge', 'small']);
  expect(room.atWork).toBe(1);
});

test('owners are let in in turn, however many requests one of them has', () => {
  const room = new Room(LIMITS);
  const { said, ask } = guestsOf(room);
  for (const name of ['a1', 'a2', 'a3', 'a4']) {
    ask(name, 'a', 100);
  }
  ask('b1', 'b', 100);
  room.leave('a', 100);
  room.leave(said[1] === 'b1' ? 'b' : 'a', 100);
  expect(said.slice(0, 3)).toContain('b1');
  expect(said).toHaveLength(3);
});

test('whoever asks for more than its limit waits for a short time only; one owner can not take the whole line', async () => {
  const room = new Room({ atWork: 100, ofOne: 100, patienceMs: 30 });
  const { said, ask } = guestsOf(room);
  ask('in', 'a', 100);
  ask('beyond', 'a', 1);
  await setTimeout(100);
  expect(said).toEqual(['in', 'not beyond']);
  for (let number = 0; number <= 1_000; number += 1) {
    ask(String(number), 'a', 1);
  }
  expect(said.slice(2)).toEqual(['not 1000']);
  ask('other', 'b', 1);
  expect(said).toHaveLength(3);
  await setTimeout(100);
  expect(room.inLine).toBe(0);
  room.leave('a', 100);
  expect(room.atWork).toBe(0);
});

test('who gives up makes way for others', () => {
  const room = new Room(LIMITS);
  const { said, ask } = guestsOf(room);
  ask('a', '', 60);
  const giveUp = ask('huge', '', 500);
  ask('small', '', 1);
  giveUp();
  giveUp();
  expect(said).toEqual(['a', 'small']);
  expect({ atWork: room.atWork, inLine: room.inLine }).toEqual({ atWork: 61, inLine: 0 });
});

test('work is done in order, and the loop of events goes round between its pieces', async () => {
  const turns = new Turns();
  const done: number[] = [];
  const seen: number[] = [];
  let isOver = false;
  const look = () => {
    seen.push(done.length);
    if (!isOver) {
      setImmediate(look);
    }
  };
  setImmediate(look);
  await new Promise<void>((resolve) => {
    for (let number = 0; number < 10; number += 1) {
      turns.take(() => {
        const endsAt = performance.now() + 5;
        while (performance.now() < endsAt);
        done.push(number);
        if (number === 9) {
          resolve();
        }
      });
    }
  });
  isOver = true;
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  for (let number = 1; number < 10; number += 1) {
    expect(seen.filter((it) => it === number).length).toBeGreaterThan(5);
  }
});

test('a request that is over takes no room any more, and gives none back twice', async () => {
  const room = new Room(LIMITS);
  const enter = (updates: number) => {
    const one = new Place(room, 'a', undefined, updates);
    one.enter(() => undefined);
    return one;
  };
  const left = enter(90); // its client leaves while something is looked up before its only update is submitted
  left.giveUp();
  await left.submit(1, () => Promise.resolve());
  expect(room.atWork).toBe(0);

  const compressed = enter(90); // and before all of its body is unpacked
  compressed.giveUp();
  compressed.enter(() => expect.unreachable('it is over'));
  expect(room.atWork).toBe(0);

  const other = enter(90);
  expect(room.atWork).toBe(90);
  await other.submit(1, () => {
    expect(room.atWork).toBe(1);
    return Promise.resolve();
  });
  other.giveUp();
  expect(room.atWork).toBe(0);
});
