import { pino } from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createProducer, QueueUnavailableError } from '../../src/index.js';
import { start, tally } from '../support/command.js';
import { until } from '../support/tally.js';
import { startSecure } from '../support/topology/secure.js';
import type { SecureServer } from '../support/topology/secure.js';

/** The certificate of this server is signed by an authority that nobody else knows. */
let redis: SecureServer;

beforeAll(async () => {
  redis = await startSecure({ users: ['user tally on >secret ~* &* +@all'] });
});

afterAll(async () => {
  await redis.stop();
});

const urlOf = ({ url }: SecureServer) => url.replace('rediss://', 'rediss://tally:secret@');

const INCREMENT = ['submit', 'counter.increment', '--params', '{"key":"n"}'];

const UNCHECKED = { TALLY_REDIS_TLS_REJECT_UNAUTHORIZED: 'false' };

test('a certificate that nobody vouches for is refused, in words that say what to set', async () => {
  const environment = { REDIS_URL: urlOf(redis) };
  const commands = await Promise.all([
    tally(environment, ...INCREMENT),
    tally({ ...environment, TALLY_REDIS_TLS_REJECT_UNAUTHORIZED: 'true' }, ...INCREMENT),
  ]);
  for (const { code, stderr, stdout } of commands) {
    expect(code).toBe(1);
    expect(stderr).toMatch(/unable to verify the first certificate|self-signed certificate/);
    expect(stderr).toContain('set TALLY_REDIS_CA_FILE');
    expect(stderr + stdout).not.toContain('secret');
  }
  const producer = createProducer({ redis: urlOf(redis), submitTimeoutMs: 3_000, logger: pino({ level: 'silent' }) });
  onTestFinished(() => producer.close());
  const failure: unknown = await producer.counters.increment({ key: 'n' }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(QueueUnavailableError);
  expect((failure as Error).message).toMatch(/certificate.*tls: \{ ca \}/);
});

test('it is taken with TALLY_REDIS_TLS_REJECT_UNAUTHORIZED=false, of which doctor warns', async () => {
  const environment = { REDIS_URL: urlOf(redis), ...UNCHECKED };
  const worker = start(['worker'], environment);
  onTestFinished(async () => {
    worker.child.kill('SIGTERM');
    await worker.ended;
  });
  await until('it is ready', () => worker.output.stdout.includes('worker ready'));
  const submitted = await tally(environment, ...INCREMENT, '--wait');
  expect(submitted).toMatchObject({ code: 0, stdout: 'applied {"value":1,"applied":1}\n' });
  expect(await tally(environment, 'get', 'n')).toMatchObject({ code: 0, stdout: '1\n' });
  const { stdout } = await tally(environment, 'doctor');
  expect(stdout).toMatch(/WARN +tls +certificates of Redis are not checked/);
});
