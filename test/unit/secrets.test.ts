import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { readConfig } from '../../cli/config.js';
import { shownUrl, shownValue } from '../../src/redis/redis-url.js';
import { describeTarget, readTarget } from '../../src/redis/target.js';
import { CANARY, URLS_WITH_A_SECRET } from '../support/canary.js';

/** All that an error shows, with its causes and whatever hangs on it. */
function allOf(error: unknown): string {
  return `${inspect(error, { depth: 10, showHidden: true })}${(error as Error).stack}`;
}

function toldBy(act: () => unknown): string {
  try {
    return inspect(act());
  } catch (error) {
    return allOf(error);
  }
}

test.each(URLS_WITH_A_SECRET)('nothing tells the secret of %s', (url) => {
  const told = [
    shownUrl(url),
    toldBy(() => describeTarget(url)),
    toldBy(() => describeTarget({ url, tls: {} })),
    toldBy(() => void readTarget(url)),
    toldBy(() => void readTarget({ url, tls: {} })),
    toldBy(() => void readConfig({ REDIS_URL: url })),
  ];
  expect(told.join('\n')).not.toContain(CANARY);
});

test.each(['HOST', 'PORT', 'TALLY_CONCURRENCY', 'LOG_LEVEL', 'TALLY_HISTORY', 'TALLY_REDIS_TLS_REJECT_UNAUTHORIZED'])(
  'nor does %s, where a URL was put by mistake',
  (name) => {
    for (const url of URLS_WITH_A_SECRET.filter((text) => /[@/]/.test(text))) {
      expect(toldBy(() => readConfig({ [name]: url }))).not.toContain(CANARY);
    }
  },
);

test('what is no secret is shown', () => {
  expect(
    ['redis://10.0.0.1:7000/3', 'rediss-cluster://a:1?node=b:2', 'redis+unix:///run/redis.sock'].map(shownUrl),
  ).toEqual(['redis://10.0.0.1:7000/3', 'rediss-cluster://a:1,b:2', 'redis+unix:///run/redis.sock']);
  expect(shownValue('http')).toBe('http');
  expect(shownValue('tcp://10.0.0.1:6379')).toBe('tcp://10.0.0.1:6379');
});
