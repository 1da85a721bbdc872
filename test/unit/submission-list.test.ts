import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { QueueUnavailableError, RedisRefusedError } from '../../src/errors.js';
import { Submission } from '../../src/producers/submission.js';
import { SentJob } from '../../src/producers/sent-job.js';
import { SubmissionList } from '../../src/producers/submission-list.js';

const accepted = (jobId: string) =>
  new Submission(new SentJob(jobId, undefined, undefined), 0, undefined as never, {}, () => expect.unreachable());
const [one, other] = [accepted('one'), accepted('other')];
const notSent = new QueueUnavailableError('it was not sent', { accepted: 'none' });
const unknown = new QueueUnavailableError('nobody knows', { accepted: 'unknown' });
const refused = new RedisRefusedError('OOM', 'it is full', { accepted: 'none' });

function settled(...results: readonly unknown[]): Promise<Submission[]> {
  const list = new SubmissionList(results.length);
  for (const [place, result] of [...results.entries()].reverse()) {
    list.settle(place, result);
  }
  return list.settled;
}

test('submissions come in the order of their updates, in whichever they are settled', async () => {
  expect(await settled(one, other)).toEqual([one, other]);
  expect(await settled()).toEqual([]);
});

test('what is settled first counts: a failed update may have something in its place later', async () => {
  const list = new SubmissionList(2);
  list.settle(0, notSent);
  list.settle(0, one);
  list.settle(1, notSent);
  await expect(list.settled).rejects.toBe(notSent);
});

test('what was thrown is a failure, also when it is no Error of this realm', async () => {
  const foreign = runInNewContext(`new TypeError('it is away')`) as Error;
  await expect(settled(foreign)).rejects.toBe(foreign);
  await expect(settled(one, foreign)).rejects.toThrow('1 of 2 updates were accepted, then: it is away;');
  await expect(settled(one, 'away')).rejects.toThrow('then: away;');
});

test('when some are accepted, it says how many, and why the others are not', async () => {
  const error = settled(one, refused, notSent);
  await expect(error).rejects.toBeInstanceOf(RedisRefusedError);
  await expect(error).rejects.toMatchObject({
    message: expect.stringContaining('1 of 3 updates were accepted, then: it is full;') as string,
    redisCode: 'OOM',
    accepted: 'some',
  });
});

test('when none is, one that may have been speaks for all', async () => {
  await expect(settled(notSent, unknown)).rejects.toBe(unknown);
  await expect(settled(refused, notSent)).rejects.toBe(refused);
});
