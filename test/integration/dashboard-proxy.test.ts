import { expect, test } from 'vitest';
import type { ProxyOptions } from '../../dashboard/access/proxy.js';
import { createDashboard } from '../../dashboard/app.js';
import { ConfigurationError } from '../../src/index.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import type { RawRequest } from '../support/dashboard.js';
import { place } from '../support/tally.js';

const HEADERS = { userHeader: 'X-Forwarded-User', roleHeader: 'X-Forwarded-Role' };
const PAUSE = { method: 'PUT', path: '/ops/queues/api/queues/pause' };

test('users of the proxy are signed in, as far as the role that it names goes', async () => {
  const here = place();
  const { raw } = await startDashboard(here, { proxy: { addresses: ['127.0.0.1'], ...HEADERS } });
  const as = (role: string) => ({
    'x-forwarded-user': Buffer.from('Zoë').toString('latin1'),
    'x-forwarded-role': role,
  });
  expect((await raw({ ...PAUSE, headers: as('viewer') })).status).toBe(403);
  expect((await raw({ ...PAUSE, headers: as('operator') })).status).toBe(200);
  const { body } = await raw({ path: '/ops/audit', headers: as('viewer') });
  expect(body).toContain('Zoë <span class="tag">viewer</span>');
  expect(body).not.toContain('Sign out'); // that is done at the proxy
});

test('what does not come from the proxy, or is unclear, is not signed in', async () => {
  const here = place();
  const statuses = async (proxy: ProxyOptions, headers: NonNullable<RawRequest['headers']>) => {
    const { raw } = await startDashboard(here, { proxy });
    return (await raw({ ...PAUSE, headers })).status;
  };
  const trusted = { addresses: ['127.0.0.1'], ...HEADERS };
  const olaf = { 'x-forwarded-user': 'olaf', 'x-forwarded-role': 'operator' };
  expect(await statuses({ ...trusted, addresses: ['127.0.0.2', '10.0.0.0/8', '::1'] }, olaf)).toBe(401);
  const elsewhere = { ...olaf, 'x-forwarded-for': '10.0.0.5' };
  expect(await statuses({ ...trusted, addresses: ['10.0.0.5'] }, elsewhere)).toBe(401);
  expect(await statuses({ addresses: ['127.0.0.1'] }, olaf)).toBe(401); // it names no headers
  expect(await statuses(trusted, {})).toBe(401); // with a proxy, this machine is not open either
  expect(await statuses(trusted, { 'x-forwarded-role': 'operator' })).toBe(401);
  expect(await statuses(trusted, { 'x-forwarded-user': 'olaf' })).toBe(403);
  for (const role of ['', 'Operator', 'admin', 'viewer,operator', ['viewer', 'operator']]) {
    expect(await statuses(trusted, { ...olaf, 'x-forwarded-role': role })).toBe(403);
  }
  for (const name of ['', ['vera', 'olaf'], 'a'.repeat(201)]) {
    expect(await statuses(trusted, { ...olaf, 'x-forwarded-user': name })).toBe(403);
  }
});

test('beside the proxy, users with passwords sign in, and the address in the audit is that of the caller', async () => {
  const here = place();
  await addUser(here, 'olaf', 'operator');
  const dashboard = await startDashboard(here, { proxy: { addresses: ['127.0.0.1'], ...HEADERS } });
  const cookie = await dashboard.signIn('olaf');
  const paused = await dashboard.raw({ ...PAUSE, headers: { cookie, 'x-forwarded-for': '1.2.3.4, 203.0.113.7' } });
  expect(paused.status).toBe(200);
  await dashboard.close();
  const [latest = ''] = await here.client.lrange(`${here.namespace}:audit`, 0, 0);
  expect(JSON.parse(latest)).toMatchObject({ who: 'olaf', action: 'pause all queues', from: '203.0.113.7' });
});

test('settings of a proxy that make no sense are refused', () => {
  const { redis } = place();
  const create = (proxy: ProxyOptions) => () => createDashboard({ redis, proxy });
  expect(create({ addresses: [] })).toThrow(ConfigurationError);
  expect(create({ addresses: ['localhost'] })).toThrow('proxy.addresses.0');
  expect(create({ addresses: ['10.0.0.5'], userHeader: 'X-User' })).toThrow('give userHeader and roleHeader');
  expect(create({ addresses: ['10.0.0.5'], userHeader: 'X User', roleHeader: 'X-Role' })).toThrow('name of a header');
});
