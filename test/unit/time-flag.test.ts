import { expect, test } from 'vitest';
import { ConfigurationError } from '../../src/errors.js';
import { timeIn } from '../../cli/time-flag.js';

test.each([
  ['2026-11-27', '2026-11-27T00:00:00Z'],
  ['2026-11-27T10:00:00Z', '2026-11-27T10:00:00Z'],
  ['2026-11-27T10:00:00.250+01:00', '2026-11-27T09:00:00.250Z'],
])('%s is a time, wherever the machine is', (text, time) => {
  expect(timeIn('--from', text)).toBe(Date.parse(time));
});

test.each(['2026-02-31', '2026-02-29T10:00:00Z', '2026-11-27T10:00:00', '2026-11-27 10:00', '2026-11', '2026-11-27Z'])(
  '%s looks like a time and is none: it is refused, and not taken for another',
  (text) => {
    const read = () => timeIn('--until', text);
    expect(read).toThrow(ConfigurationError);
    expect(read).toThrow(
      `--until must be a day or a time with its offset from UTC, 2026-12-24T18:00:00Z, but is "${text}"`,
    );
  },
);

test.each(['nonsense', 'MSAxNzY0MTE1MjAwMDAwLTAgMCA1', '', '20261127'])('%s is no time', (text) => {
  expect(timeIn('--from', text)).toBeUndefined();
});
