import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { RedisClock } from '../../src/redis/clock.js';
import type { Connection } from '../../src/redis/connection.js';

const logger = pino({ level: 'silent' });
const START_MS = 1_700_000_000_000;

/** A server whose clock is this far from the one that only rises; each answer takes as long as it is told to. */
class Server {
  offsetMs = START_MS;
  readonly options = { host: '127.0.0.1', port: 1 };
  isAway = false;

  constructor(host = '127.0.0.1') {
    this.options.host = host;
  }

  time(): Promise<[string, string]> {
    if (this.isAway) {
      return Promise.reject(new Error('Connection is closed.'));
    }
    const microseconds = Math.round((performance.now() + this.offsetMs) * 1000);
    return Promise.resolve([String(Math.floor(microseconds / 1e6)), String(microseconds % 1e6)]);
  }
}

function clockOf(...servers: Server[]): RedisClock {
  const connection = { masters: () => servers, masterOf: (slot: number) => servers[slot] };
  const clock = new RedisClock(connection as unknown as Connection, logger);
  onTestFinished(() => {
    clock.close();
  });
  return clock;
}

/** How far the time that the clock tells is from the monotonic one. */
const told = (clock: RedisClock, slot?: number) => (slot === undefined ? clock.latestAt(0) : clock.at(0, slot));

test('a clock tells the time of the server, at most a little early', async () => {
  const clock = clockOf(new Server());
  expect(clock.isKnown).toBe(false);

  await clock.sample();

  expect(clock.isKnown).toBe(true);
  expect(told(clock)).toBeLessThanOrEqual(START_MS);
  expect(told(clock)).toBeGreaterThan(START_MS - 1_000);
});

test('of several samples the latest time counts, since an answer is older than its arrival', async () => {
  const server = new Server();
  const clock = clockOf(server);
  await clock.sample();
  const first = told(clock);

  server.offsetMs -= 10; // as if the answer had been under way for 10 ms more
  await clock.sample();

  expect(told(clock)).toBe(first);
});

test.each([1_000, 3_600_000])(
  'when the clock of the server is set back by %i ms, so is what it tells',
  async (byMs) => {
    const server = new Server();
    const clock = clockOf(server);
    for (const _sample of [1, 2, 3]) {
      await clock.sample();
    }

    server.offsetMs -= byMs;
    await clock.sample();

    expect(told(clock)).toBeLessThanOrEqual(START_MS - byMs);
    expect(told(clock)).toBeGreaterThan(START_MS - byMs - 1_000);
  },
);

test('when the clock of the server is set forward, so is what it tells', async () => {
  const server = new Server();
  const clock = clockOf(server);
  await clock.sample();

  server.offsetMs += 5_000;
  await clock.sample();

  expect(told(clock)).toBeGreaterThan(START_MS + 4_000);
});

test('each master has a time of its own, and one that is unreachable does not keep the others from theirs', async () => {
  const [here, ahead, away] = [new Server('a'), new Server('b'), new Server('c')];
  ahead.offsetMs += 60_000;
  away.isAway = true;
  const clock = clockOf(here, ahead, away);

  await clock.sample();

  expect(told(clock, 0)).toBeLessThanOrEqual(START_MS);
  expect(told(clock, 1)).toBeGreaterThan(START_MS + 59_000);
  expect(told(clock, 2)).toBe(told(clock, 1)); // not known: the latest of all
  expect(told(clock)).toBe(told(clock, 1));
});

test('without an answer nothing is known, and the reason is told', async () => {
  const [server, another] = [new Server('a'), new Server('b')];
  server.isAway = true;
  another.isAway = true;
  const clock = clockOf(server, another);

  await expect(clock.sample()).rejects.toThrow('Connection is closed.');
  expect(clock.isKnown).toBe(false);
});
