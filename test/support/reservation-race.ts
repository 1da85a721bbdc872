import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Outcome } from '../../src/index.js';
import { HoldCell } from '../../src/redis/cell.js';
import { createKeys } from '../../src/redis/keys.js';
import { startWorkerProcess } from './child.js';
import type { Place } from './tally.js';
import { until } from './tally.js';

const TTL_SECONDS = 2;
/** Holds that begin in a second. */
const A_SECOND = 500;

const TIMING = { lockDurationMs: 2_000, stalledIntervalMs: 1_000 };
const ENDS = ['confirm', 'release', 'extend', 'expire', 'confirm', 'release', 'nothing'] as const;

/** Of so many holds these end long before their time, twice, so that each reason is told however slow all is. */
const ONE_OF = 25;
const EARLY: readonly (readonly [string, string])[] = [
  ['confirm', 'release'],
  ['release', 'confirm'],
];

/**
 * Many holds of one stock that end within moments of their time, by three workers in processes of their own; one of them
 * is down for twice the time of a hold. Meanwhile stock, held and sold are looked at, at one moment each.
 */
export async function raceReservations(here: Place, holds: number): Promise<void> {
  const { client } = here;
  const [stock, sold] = [here.key('stock'), here.key('sold')];
  const total = createKeys(here).hold(new HoldCell({ key: stock }, 'total')).key;
  const start = holds * 3;
  await client.set(stock, start);
  const [first] = await Promise.all([1, 2, 3].map(() => startWorkerProcess(here, undefined, TIMING)));
  const { inventory, send } = senderOf(here);

  let [samples, isOver] = [0, false];
  const sampler = (async () => {
    while (!isOver) {
      const values = await client.mget(stock, total, sold);
      expect(
        values.reduce((sum, value) => sum + Number(value ?? 0), 0),
        `stock, held, sold: ${values.join()}`,
      ).toBe(start);
      samples += 1;
      await wait(5);
    }
  })();

  const outcomes: { verb: string; reservation: string; quantity: number; outcome: Outcome }[] = [];
  const life = async (number: number) => {
    const [reservation, quantity] = [`r${number}`, (number % 3) + 1];
    await wait(Math.floor(number / A_SECOND) * 1_000);
    const early = EARLY[number % ONE_OF];
    const ttlSeconds = early === undefined ? TTL_SECONDS : 600;
    const reserved = await inventory.reserve({ key: stock, quantity, reservation, ttlSeconds });
    expect((await reserved.outcome({ timeoutMs: 90_000 })).status).toBe('applied');
    const end = async (verb: string) => {
      const sent = await send(verb, { key: stock, reservation, quantity, sold });
      if (sent !== undefined) {
        outcomes.push({ verb, reservation, quantity, outcome: await sent.outcome({ timeoutMs: 90_000 }) });
      }
    };
    if (early !== undefined) {
      await end(early[0]);
      await end(early[1]);
      return;
    }
    await wait(TTL_SECONDS * 1_000 - 400 + (number % 80) * 10); // from 400 ms before its end to 400 ms after
    await Promise.all([number, number + 1].map((shift) => end(ENDS[shift % ENDS.length] ?? 'nothing')));
  };
  const lives = Promise.all(Array.from({ length: holds }, (_, number) => life(number)));
  await wait(TTL_SECONDS * 500);
  first?.process.kill('SIGSTOP');
  await wait(2 * TTL_SECONDS * 1_000);
  first?.process.kill('SIGCONT');
  await lives;
  await until('nothing is held any more', async () => (await client.exists(total)) === 0, 90_000);
  isOver = true;
  await sampler;

  expect(samples).toBeGreaterThan(20);
  judge(outcomes);
  const units = outcomes.reduce(
    (sum, { verb, quantity, outcome }) => sum + (verb === 'confirm' && outcome.status === 'applied' ? quantity : 0),
    0,
  );
  expect(await client.mget(stock, sold)).toEqual([String(start - units), String(units)]);
}

/** At most one of them ended a hold, and each that came after it was told why. */
function judge(outcomes: readonly { verb: string; reservation: string; outcome: Outcome }[]): void {
  const ended = new Map<string, string>();
  const reasons = new Set<string>();
  for (const { verb, reservation, outcome } of outcomes) {
    if (outcome.status !== 'applied') {
      expect(outcome.status, JSON.stringify(outcome)).toBe('rejected');
      reasons.add((outcome as { reason: string }).reason);
    } else if (verb === 'confirm' || verb === 'release') {
      expect(ended.get(reservation), `${reservation} ended twice`).toBeUndefined();
      ended.set(reservation, verb);
    }
  }
  expect([...reasons].sort()).toEqual(['ALREADY_CONFIRMED', 'ALREADY_RELEASED', 'EXPIRED']);
  expect(new Set(ended.values())).toEqual(new Set(['confirm', 'release']));
}

interface Ends {
  readonly key: string;
  readonly reservation: string;
  readonly quantity: number;
  readonly sold: string;
}

function senderOf(here: Place) {
  const producer = here.producer();
  const { inventory } = producer;
  const send = (verb: string, { key, reservation, quantity, sold }: Ends) => {
    switch (verb) {
      case 'confirm':
        return producer.submit({
          operation: 'transaction',
          params: {
            updates: [
              { operation: 'inventory.confirm', params: { key, reservation } },
              { operation: 'counter.increment', params: { key: sold, by: quantity } },
            ],
          },
        });
      case 'release':
        return inventory.release({ key, reservation });
      case 'extend':
        return inventory.extend({ key, reservation, ttlSeconds: 1 });
      case 'expire':
        return inventory.expire({ key, reservations: [reservation] });
      default:
        return undefined;
    }
  };
  return { inventory, send };
}
