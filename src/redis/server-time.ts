import type { RedisClient } from './connection.js';

/** Redis' answer to TIME: seconds, and microseconds of the next one. */
type TimeReply = readonly (number | string)[];

/** Redis' answer to TIME, in ms with their fraction. */
export function toExactMs([seconds, microseconds]: TimeReply): number {
  return Number(seconds) * 1000 + Number(microseconds) / 1000;
}

/** Redis' answer to TIME, in whole ms. */
export function toMs(reply: TimeReply): number {
  return Math.floor(toExactMs(reply));
}

/** How far Redis' clock is ahead of that of this machine, in ms: right to half of the time that the answer takes. */
export async function readClockOffset(redis: Pick<RedisClient, 'time'>): Promise<number> {
  const beforeMs = Date.now();
  const nowMs = toExactMs(await redis.time());
  return Math.round(nowMs - (beforeMs + Date.now()) / 2);
}
