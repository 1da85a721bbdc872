import { expect, test } from 'vitest';
import { readConfig } from '../../cli/config.js';
import { createMetrics } from '../../src/index.js';

test('metrics have no port of their own unless one is set, and then on this machine only', () => {
  expect(readConfig({})).toMatchObject({ TALLY_METRICS_PORT: undefined, TALLY_METRICS_HOST: '127.0.0.1' });
  const open = { TALLY_METRICS_PORT: '9464', TALLY_METRICS_HOST: '0.0.0.0' };
  expect(readConfig(open)).toMatchObject({ TALLY_METRICS_PORT: 9464, TALLY_METRICS_HOST: '0.0.0.0' });
});

test.each([
  [
    'TALLY_METRICS_PORT',
    'yes',
    'must be a whole number from 0 to 65535, but is "yes"; for example TALLY_METRICS_PORT=9464',
  ],
  ['TALLY_METRICS_HOST', 'http://here', 'must be an IP address or the name of a machine'],
])('%s=%s is refused with what to write instead', (name, value, message) => {
  expect(() => readConfig({ [name]: value })).toThrow(message);
});

test('an option of metrics that is misspelt is refused with the nearest known one', () => {
  expect(() => createMetrics({ redsi: 'redis://127.0.0.1' } as never)).toThrow('did you mean "redis"?');
});
