import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createProducer, createWorker } from '../../src/index.js';
import { tally } from '../support/command.js';
import { environmentAs, REDIS, refusals, urlAs, VALKEY } from '../support/topology/secure-redis.js';

test.each([REDIS, ...VALKEY])(
  'what was applied on a $kind is there after it was killed, where the default user is as the page has it',
  async (kind) => {
    const redis = await kind.start();
    onTestFinished(() => redis.stop());
    const [server] = redis.servers;
    const as = (user: string) => ({ url: urlAs(redis.url, user), tls: redis.security.tls });
    const logger = pino({ level: 'silent' });
    const worker = createWorker({ redis: as('worker'), logger });
    onTestFinished(() => worker.close());
    const producer = createProducer({ redis: as('producer'), logger });
    onTestFinished(() => producer.close());
    const { counters } = producer;
    const submission = await counters.increment({ key: 'stock:1', by: 5 }, { idempotencyKey: 'once' });
    expect(await submission.outcome()).toMatchObject({ status: 'applied' });

    await server!.kill();
    await server!.start();
    expect(await server!.run('GET', 'stock:1')).toBe('5');
    expect(await refusals(redis)).toEqual([]);
    const again = await counters.increment({ key: 'stock:1', by: 5 }, { idempotencyKey: 'once' });
    expect(await again.outcome()).toMatchObject({ status: 'applied', duplicate: true });
  },
);

test.each([REDIS, ...VALKEY])(
  'doctor sees that a $kind would lose it, and says so where it may not look',
  async (kind) => {
    const redis = await kind.start();
    onTestFinished(() => redis.stop());
    const [server] = redis.servers;
    const doctor = () => tally(environmentAs(redis, 'doctor'), 'doctor', '--as', 'doctor');
    expect((await doctor()).stdout).toMatch(/ok {4}restart +what scripts wrote is read back/);
    await server!.run('ACL', 'SETUSER', 'default', '-@all');
    const warned = await doctor();
    expect(warned.code).toBe(1);
    expect(warned.stdout.replace(/\s+/g, ' ')).toMatch(/FAIL restart .* run ACL SETUSER default off ~\* &\* \+@all/);
    const blind = await tally(environmentAs(redis, 'worker'), 'doctor', '--as', 'worker');
    expect(blind.stdout.replace(/\s+/g, ' ')).toMatch(/ok restart .* this user may not run ACL DRYRUN/);
    expect(await refusals(redis)).toEqual([]);
  },
);
