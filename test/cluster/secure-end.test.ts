import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { onTestFinished, test } from 'vitest';
import { place, until } from '../support/tally.js';
import { REDIS, urlAs } from '../support/topology/secure-redis.js';

test('producers and workers end in order also when TLS fails while they do', async () => {
  const redis = await REDIS.start();
  onTestFinished(() => redis.stop());
  const url = await proxyThatEndsBadly(Number(new URL(redis.url).port));
  const here = place();
  const as = (user: string) => ({
    namespace: 'tally',
    prefix: 'tally-queues',
    redis: { url: urlAs(url, user), tls: redis.security.tls },
  });
  const worker = await here.worker(as('worker'));
  const producer = here.producer(as('producer'));
  await (await producer.counters.increment({ key: 'stock:1' })).outcome();

  await Promise.all([producer.close(), worker.close()]);
  const [server] = redis.servers;
  const clients = async () => String(await server!.run('CLIENT', 'LIST')).match(/name=(tally|bull)/g) ?? [];
  await until('none of their connections is left', async () => (await clients()).length === 0);
});

/** Leads to a server, and sends what is not TLS to a client that ends its connection. */
async function proxyThatEndsBadly(port: number): Promise<string> {
  const proxy = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect(port, '127.0.0.1');
    server.on('data', (data) => client.write(data)).on('error', () => undefined);
    client.on('data', (data) => server.write(data)).on('error', () => undefined);
    client.on('end', () => {
      server.destroy();
      client.end('not TLS');
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    proxy.close();
  });
  await once(proxy, 'listening');
  return `rediss://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}
