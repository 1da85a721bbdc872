import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { checkTarget, ForbiddenTargetError } from '../../src/subscribers/webhooks/target.js';
import type { TargetPolicy } from '../../src/subscribers/webhooks/target.js';
import { createTargetAgent } from '../../src/subscribers/webhooks/target-agent.js';
import type { Resolve } from '../../src/subscribers/webhooks/target-agent.js';

const STRICT: TargetPolicy = { allowHttp: false, allowedNetworks: [] };
const HTTP: TargetPolicy = { allowHttp: true, allowedNetworks: [] };

test('a target has an https URL without user, password and fragment', () => {
  expect(checkTarget('https://example.com:8443/hook?a=1', STRICT).href).toBe('https://example.com:8443/hook?a=1');
  expect(checkTarget('http://example.com/', HTTP).protocol).toBe('http:');
  for (const url of [
    ...['', 'example.com', 'ftp://example.com/', 'http://example.com/', 'file:///etc/passwd', 'https:///'],
    ...['https://user@example.com/', 'https://:pass@example.com/', 'https://example.com/#a'],
    `https://example.com/${'a'.repeat(2_000)}`,
  ]) {
    expect(() => checkTarget(url, STRICT), url).toThrow(ForbiddenTargetError);
  }
});

test('a literal address has to be public, however it is written', () => {
  for (const host of [
    ...[
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '0177.0.0.1',
      '0.0.0.0',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.1.1',
    ],
    ...['169.254.169.254', '168.63.129.16', '100.64.0.1', '192.0.0.1', '198.18.0.1', '203.0.113.1', '224.0.0.1'],
    ...['240.0.0.1', '255.255.255.255'],
    ...[
      '[::]',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[fe80::1]',
      '[fc00::1]',
      '[fd00:ec2::254]',
      '[ff02::1]',
    ],
    ...['[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[2001:db8::1]', '[2001::1]', '[::127.0.0.1]'],
  ]) {
    expect(() => checkTarget(`https://${host}/`, STRICT), host).toThrow(ForbiddenTargetError);
  }
  for (const host of ['93.184.216.34', '[2606:2800:220:1:248:1893:25c8:1946]']) {
    expect(checkTarget(`https://${host}/`, STRICT).hostname).toBe(host);
  }
});

test('networks are allowed by name: what does not lie in them is not', () => {
  const policy = { allowHttp: true, allowedNetworks: ['10.1.0.0/16', '127.0.0.1', 'fd00::/8'] };
  for (const host of ['10.1.2.3', '127.0.0.1', '[fd00::1]', '[::ffff:10.1.2.3]']) {
    expect(checkTarget(`http://${host}/`, policy).href).toContain('http://');
  }
  for (const host of ['10.2.0.1', '127.0.0.2', '[fc00::1]']) {
    expect(() => checkTarget(`http://${host}/`, policy), host).toThrow(ForbiddenTargetError);
  }
});

/** A server of this machine that counts who comes. */
async function ownServer(): Promise<{ port: number; count: () => number }> {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    response.end('secret of the inside');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, count: () => requests };
}

async function post(url: string, policy: TargetPolicy, resolve?: Resolve): Promise<number> {
  const agent = createTargetAgent(policy, 2_000, resolve);
  onTestFinished(() => agent.destroy());
  return (await request(url, { method: 'POST', dispatcher: agent, body: '{}' })).statusCode;
}

test('a name that leads to this machine is refused when it is connected to, and nothing is sent', async () => {
  const { port, count } = await ownServer();
  const url = `http://localhost:${port}/`;
  expect(checkTarget(url, HTTP).href).toBe(url); // its text tells nothing
  await expect(post(url, HTTP)).rejects.toThrow(ForbiddenTargetError);
  expect(count()).toBe(0);
  expect(await post(url, { allowHttp: true, allowedNetworks: ['127.0.0.0/8', '::1'] })).toBe(200);
  expect(count()).toBe(1);
});

test('a name that leads elsewhere the second time is looked at the second time, and what is looked at is connected to', async () => {
  const { port, count } = await ownServer();
  const answers: { address: string; family: number }[][] = [
    [{ address: '192.0.2.1', family: 4 }],
    [{ address: '127.0.0.1', family: 4 }],
    [
      { address: '93.184.216.34', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ],
  ];
  const asked: string[] = [];
  const resolve = ((name: string, _options: unknown, callback: (error: null, found: unknown) => void) => {
    asked.push(name);
    callback(null, answers.shift());
  }) as unknown as Resolve;
  for (let times = 0; times < 3; times += 1) {
    await expect(post(`http://rebound.example:${port}/`, HTTP, resolve)).rejects.toThrow(ForbiddenTargetError);
  }
  expect(asked).toEqual(Array(3).fill('rebound.example'));
  expect(count()).toBe(0);
});
