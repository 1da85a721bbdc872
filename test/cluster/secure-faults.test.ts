import { Writable } from 'node:stream';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createProducer, createWorker } from '../../src/index.js';
import { tally } from '../support/command.js';
import { until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import type { Cluster } from '../support/topology/cluster.js';
import { CLUSTER, REDIS, SENTINEL, urlAs } from '../support/topology/secure-redis.js';
import type { SecureRedis } from '../support/topology/secure-redis.js';

/** How a Redis is reached. */
interface Way {
  readonly url: string;
  readonly tls?: TlsOptions;
}

interface Mistake {
  readonly mistake: string;
  readonly make: (way: Way) => Way;
  readonly told: RegExp;
}

const MISTAKES: readonly Mistake[] = [
  {
    mistake: 'without the authority',
    make: ({ url, tls: { ca: _, ...tls } = {} }) => ({ url, tls }),
    told: /self-signed certificate in certificate chain; set TALLY_REDIS_CA_FILE/,
  },
  {
    mistake: 'with a wrong password',
    make: ({ url, tls }) => ({ url: url.replace(':secret@', ':wrong@'), ...(tls && { tls }) }),
    told: /WRONGPASS [^;]*; REDIS_URL names them/,
  },
  {
    mistake: 'without a user',
    make: ({ url, tls }) => ({ url: url.replace(/\w+:secret@/, ''), ...(tls && { tls }) }),
    told: /NOAUTH: it asks for a user and a password; REDIS_URL names them/,
  },
  {
    mistake: 'without TLS',
    make: ({ url }) => ({ url: url.replace('rediss', 'redis') }),
    told: /if this port speaks TLS, write rediss in place of redis/,
  },
];

const NO_CERTIFICATE: Mistake = {
  mistake: 'without a certificate',
  make: ({ url, tls: { ca } = {} }) => ({ url, tls: { ca } }),
  told: /it asks for a certificate: set TALLY_REDIS_CERT_FILE and TALLY_REDIS_KEY_FILE/,
};

const NO_SENTINEL_PASSWORD: Mistake = {
  mistake: 'with a wrong password of Sentinels',
  make: ({ url, tls }) => ({ url: url.replace('Password=secret', 'Password=wrong'), ...(tls && { tls }) }),
  told: /Sentinel \S+ can't be reached \(WRONGPASS [^;]*; Sentinels have users of their own: sentinelUsername/,
};

const groups = [
  { kind: REDIS, mistakes: MISTAKES },
  { kind: CLUSTER, mistakes: [...MISTAKES, NO_CERTIFICATE] },
  { kind: SENTINEL, mistakes: [...MISTAKES, NO_CERTIFICATE, NO_SENTINEL_PASSWORD] },
];

describe.each(groups)('on a $kind.kind', ({ kind, mistakes }) => {
  let redis: SecureRedis;

  beforeAll(async () => {
    redis = await kind.start();
  });

  afterAll(async () => {
    await redis.stop();
  });

  test('doctor, worker and producer say of each mistake what it is and what to set', async () => {
    for (const mistake of mistakes) {
      await expectTold(redis, mistake); // by itself: attempts with TLS, again and again, keep a process busy
    }
  });
});

async function expectTold(redis: SecureRedis, { mistake, make, told }: Mistake): Promise<void> {
  const wrong = make({ url: urlAs(redis.url, 'worker'), tls: redis.security.tls });
  const [doctor] = await Promise.all([
    tally(environmentOf(wrong, redis), 'doctor'),
    untilWorkerSays(wrong, told),
    untilProducerSays(wrong, told),
  ]);
  expect(doctor.code, mistake).toBe(1);
  expect(doctor.stdout, mistake).not.toContain('%3A');
  expect(doctor.stdout.replace(/\s+/g, ' '), mistake).toMatch(
    told.source.startsWith('Sentinel') ? /Sentinels have/ : told,
  );
}

describe('on a Cluster with certificates for names, not addresses', () => {
  let cluster: Cluster;
  const way = () => ({
    url: urlAs(cluster.url, 'tally').replaceAll('127.0.0.1', 'localhost'),
    tls: cluster.security!.tls,
  });
  const prefer = (type: string) =>
    Promise.all(cluster.nodes.map((node) => node.run('CONFIG', 'SET', 'cluster-preferred-endpoint-type', type)));

  beforeAll(async () => {
    cluster = await startCluster({
      security: { users: ['user tally on >secret ~* +@all'], names: 'DNS:localhost' },
      settings: ['--cluster-announce-hostname', 'localhost'],
    });
  });

  afterAll(async () => {
    await cluster.stop();
  });

  test('doctor asks a replica as well, where the URL names it first', async () => {
    const [master] = await cluster.masters();
    const [replica] = await cluster.replicasOf(master!);
    const url = urlAs(`rediss-cluster://localhost:${replica!.port}`, 'tally');
    const doctor = await tally(environmentOf({ ...way(), url }, cluster), 'doctor');
    expect(doctor.stdout, doctor.stderr).toMatch(/state +the Cluster takes commands/);
  });

  test('doctor goes on where its user may not ask for all', async () => {
    await prefer('hostname');
    const rules = ['on', '>secret', '~*', '+@all', '-cluster|info'];
    await Promise.all(cluster.nodes.map((node) => node.run('ACL', 'SETUSER', 'blind', ...rules)));
    const url = way().url.replace('tally:', 'blind:');
    const doctor = await tally(environmentOf({ ...way(), url }, cluster), 'doctor');
    expect(doctor.stdout, doctor.stderr).toMatch(/FAIL {2}state +can't be checked: NOPERM/);
    expect(doctor.stdout).toMatch(/FAIL {2}permissions +the user of REDIS_URL lacks for worker: CLUSTER INFO;/);
  });

  test('doctor, worker and producer go by names where nodes announce them', async () => {
    await prefer('hostname');
    const worker = createWorker({ redis: way(), logger: pino({ level: 'silent' }) });
    onTestFinished(() => worker.close());
    await worker.ready();
    expect(await submit(way())).toMatchObject({ status: 'applied' });
    const doctor = await tally(environmentOf(way(), cluster), 'doctor');
    expect(doctor.code, doctor.stdout).toBe(0);
    expect(doctor.stdout).toMatch(/masters +localhost:\d+ holds/);
  });

  test('doctor, worker and producer say so where nodes announce addresses', async () => {
    await prefer('ip');
    const told = /127\.0\.0\.1:\d+ can't be reached \(Hostname\/IP does not match .*; REDIS_URL, and nodes/;
    const [doctor] = await Promise.all([
      tally(environmentOf(way(), cluster), 'doctor'),
      untilWorkerSays(way(), told),
      untilProducerSays(way(), told),
    ]);
    expect(doctor.stdout.replace(/\s+/g, ' '), doctor.stderr).toMatch(told);
  });
});

test('a producer submits at once where its URL names the nodes otherwise than they do', async () => {
  const cluster = await startCluster({ security: { users: ['user tally on >secret ~* +@all'] } });
  onTestFinished(() => cluster.stop());
  const redis = { url: urlAs(cluster.url, 'tally').replaceAll('127.0.0.1', 'localhost'), tls: cluster.security!.tls };
  for (let n = 0; n < 20; n += 1) {
    const producer = createProducer({ redis, logger: pino({ level: 'silent' }) });
    onTestFinished(() => producer.close());
    expect(await producer.counters.increment({ key: 'n' })).toHaveProperty('id');
  }
});

test('the authorities of NODE_EXTRA_CA_CERTS do as well', async () => {
  const redis = await REDIS.start();
  onTestFinished(() => redis.stop());
  const environment = {
    REDIS_URL: urlAs(redis.url, 'doctor'),
    NODE_EXTRA_CA_CERTS: redis.security.certificates.caFile,
  };
  expect(await tally(environment, 'doctor', '--as', 'doctor')).toMatchObject({ code: 0 });
});

/** The environment that leads the same way. */
function environmentOf({ url, tls = {} }: Way, { security }: Pick<Cluster, 'security'>): Record<string, string> {
  const { caFile, client } = security!.certificates;
  return {
    REDIS_URL: url,
    ...(tls.ca !== undefined && { TALLY_REDIS_CA_FILE: caFile }),
    ...(tls.cert !== undefined && {
      TALLY_REDIS_CERT_FILE: client.certificateFile,
      TALLY_REDIS_KEY_FILE: client.keyFile,
    }),
  };
}

async function submit(redis: Way) {
  const producer = createProducer({ redis, logger: pino({ level: 'silent' }) });
  onTestFinished(() => producer.close());
  const submission = await producer.counters.increment({ key: 'stock:1' });
  return submission.outcome();
}

/** A busy machine may take longer than a submit to find out: then it is told by the next. */
async function untilProducerSays(redis: Way, words: RegExp): Promise<void> {
  const producer = createProducer({ redis, logger: pino({ level: 'silent' }) });
  onTestFinished(() => producer.close());
  let said = 'no answer within';
  await until(`the producer says ${String(words)}`, async () => {
    expect(said).toMatch(/no answer within|All sentinels are unreachable|Connection is closed/);
    said = await producer.counters.increment({ key: 'stock:1' }).then(
      () => 'it was accepted',
      (error: unknown) => (error as Error).message,
    );
    return words.test(said);
  });
}

/** Whether it waits for Redis or gives up. */
async function untilWorkerSays(redis: Way, words: RegExp): Promise<void> {
  let said = '';
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      said += chunk.toString();
      done();
    },
  });
  const worker = createWorker({ redis, logger: pino({ level: 'warn' }, sink), closeTimeoutMs: 0 });
  onTestFinished(() => worker.close());
  worker.ready().catch(() => undefined);
  await until(`the worker says ${String(words)}`, () => words.test(said)).catch((error: unknown) => {
    throw new Error(`it says ${said}`, { cause: error });
  });
}
