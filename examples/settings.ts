import { once } from 'node:events';
import { pino } from 'pino';

/** Where Tally is, as its commands are told: REDIS_URL, TALLY_NAMESPACE, TALLY_PREFIX. */
export function tallySettings() {
  const { REDIS_URL: redis = 'redis://127.0.0.1:6379', TALLY_NAMESPACE, TALLY_PREFIX } = process.env;
  const logger = pino({ level: 'warn' }, pino.destination(2));
  return {
    redis,
    logger,
    ...(TALLY_NAMESPACE && { namespace: TALLY_NAMESPACE }),
    ...(TALLY_PREFIX && { prefix: TALLY_PREFIX }),
  };
}

/** Resolves when the service is asked to stop. */
export async function untilStopped(): Promise<void> {
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
}
