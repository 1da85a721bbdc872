import { expect, test, vi } from 'vitest';
import { isRequeued, parseUpdateId, requeuedJobId, updateId } from '../../src/jobs/job-id.js';
import { newJobId, timeOfJobId } from '../../src/layout/new-job-id.js';
import { NO_SLOT } from '../../src/redis/slots.js';

test('job ids are new each time, sort by time and hold no colon, which BullMQ refuses', () => {
  const ids = Array.from({ length: 1000 }, () => newJobId(NO_SLOT));

  expect(new Set(ids).size).toBe(1000);
  expect([...ids].sort()).toEqual(ids);
  expect(ids.join('')).not.toContain(':');
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test.each([0, 1, 255, 999])('the id of update %i names its job and place', (index) => {
  const jobId = newJobId(NO_SLOT);

  expect(parseUpdateId(updateId(jobId, index))).toEqual({ jobId, index });
});

test.each([
  '',
  'abc',
  '42',
  newJobId(NO_SLOT),
  `${newJobId(NO_SLOT)}.`,
  `${newJobId(NO_SLOT)}.x`,
  `${newJobId(NO_SLOT)}.-1`,
  `x${newJobId(NO_SLOT)}.1`,
])('%j is no id of an update', (id) => {
  expect(parseUpdateId(id)).toBeUndefined();
});

test.each([`${newJobId(NO_SLOT)}.1\n`, `${newJobId(NO_SLOT)}.123456`, `${newJobId(NO_SLOT).toUpperCase()}.1`])(
  '%j is no id of an update either',
  (id) => {
    expect(parseUpdateId(id)).toBeUndefined();
  },
);

test('the job that a batch put back has the id of the update that it carries', () => {
  const batchId = newJobId(NO_SLOT);
  const jobId = requeuedJobId(batchId, 3);

  expect(jobId).toBe(updateId(batchId, 3));
  expect(isRequeued(jobId)).toBe(true);
  expect(isRequeued(batchId)).toBe(false);
  expect(updateId(jobId, 0)).toBe(jobId);
  expect(parseUpdateId(jobId)).toEqual({ jobId: batchId, index: 3 });
});

test('an id tells the time by the clock as it is, also after the clock was ahead and has been set right', () => {
  const ahead = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 5 * 3_600_000);
  newJobId(NO_SLOT);
  ahead.mockRestore();
  expect(Math.abs(timeOfJobId(newJobId(NO_SLOT))! - Date.now())).toBeLessThan(60_000);
});
