import type { RedisClient } from '../redis/connection.js';
import { mayCall } from './missing-acl.js';

/** What a server answers to CONFIG GET. @returns undefined where this user may not ask, or a provider does not tell */
export async function readSetting(redis: RedisClient, name: string): Promise<string | undefined> {
  const may = await mayCall(redis, [['CONFIG', 'GET', name]]).catch(() => [false]);
  const reply = may?.[0] === false ? undefined : await redis.config('GET', name).catch(() => undefined);
  return (reply as [string, string] | undefined)?.[1];
}
