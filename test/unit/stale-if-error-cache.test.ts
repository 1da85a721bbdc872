import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { MEMORY_MS, StaleIfErrorCache } from '../../dashboard/access/stale-if-error-cache.js';
import { MasterUnreachableError } from '../../dashboard/master-unreachable.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const away = () => Promise.reject(new MasterUnreachableError('away'));

test('an answer stands in for a master that is unreachable, for a minute from when it was given', async () => {
  const answers = new StaleIfErrorCache<string>();
  await expect(answers.ask('ann', away)).rejects.toThrow(MasterUnreachableError);
  expect(await answers.ask('ann', () => Promise.resolve('operator'))).toBe('operator');
  vi.advanceTimersByTime(MEMORY_MS);
  expect(await answers.ask('ann', away)).toBe('operator'); // and that it was asked for again does not prolong it
  vi.advanceTimersByTime(1);
  await expect(answers.ask('ann', away)).rejects.toThrow(MasterUnreachableError);
  expect(MEMORY_MS).toBe(60_000);
});

test('what the master says now counts, and what it does not know any more is forgotten', async () => {
  const answers = new StaleIfErrorCache<string>();
  await answers.ask('ann', () => Promise.resolve('operator'));
  await answers.ask('bo', () => Promise.resolve('viewer'));
  await answers.ask('ann', () => Promise.resolve('viewer'));
  await answers.ask('bo', () => Promise.resolve(undefined));
  expect(await answers.ask('ann', away)).toBe('viewer');
  await expect(answers.ask('bo', away)).rejects.toThrow(MasterUnreachableError);
});

test('an answer that comes after its end was told is not remembered', async () => {
  const answers = new StaleIfErrorCache<string>();
  let answer: (text: string) => void = () => undefined;
  const asked = answers.ask('session', () => new Promise<string>((resolve) => (answer = resolve)));
  vi.advanceTimersByTime(5);
  answers.forget('session');
  answer('ann');
  expect(await asked).toBe('ann');
  await expect(answers.ask('session', away)).rejects.toThrow(MasterUnreachableError);

  const found = answers.ask('ann', () => new Promise<string>((resolve) => (answer = resolve)));
  vi.advanceTimersByTime(5);
  answers.forgetBefore(performance.now()); // all were read, and ann is not among them
  answer('operator');
  expect(await found).toBe('operator');
  await expect(answers.ask('ann', away)).rejects.toThrow(MasterUnreachableError);
});

test('no other failure is answered from memory', async () => {
  const answers = new StaleIfErrorCache<string>();
  await answers.ask('ann', () => Promise.resolve('operator'));
  await expect(answers.ask('ann', () => Promise.reject(new Error('WRONGTYPE')))).rejects.toThrow('WRONGTYPE');
});
